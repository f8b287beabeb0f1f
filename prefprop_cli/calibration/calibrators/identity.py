"""Calibrators that fit nothing: none, and those of methods that earlier versions had."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.calibrators.base import Calibrator
from prefprop_cli.errors import UsageError

REMOVED = ("dirichlet", "histogram")


@dataclass(frozen=True)
class Identity(Calibrator):
    """Leaves the logits as they are."""

    name: ClassVar = "none"
    summary: ClassVar = "leaves the logits as they are"
    for_candidates: ClassVar = True

    @classmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self:
        return cls()

    def _logits(self, logits: Floats) -> Floats:
        return logits

    def __str__(self) -> str:
        return "unchanged"


@dataclass(frozen=True)
class Removed(Calibrator):
    """A stored calibrator of a method that is gone: says how to fit another when it is applied."""

    record: Mapping[str, object]
    """As it was stored."""

    @property
    def name(self) -> str:  # type: ignore[override]
        return str(self.record["name"])

    def as_dict(self) -> dict[str, object]:
        return dict(self.record)

    @classmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self:
        raise NotImplementedError

    def _logits(self, logits: Floats) -> Floats:
        raise UsageError(
            f"the run was calibrated by {self.name}, which this version no longer has. Fit another "
            "calibrator: prefprop calibrate RUN"
        )

    def __str__(self) -> str:
        return "no longer supported"
