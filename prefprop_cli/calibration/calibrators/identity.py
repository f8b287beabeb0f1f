"""No calibration: the model's own probabilities."""

from dataclasses import dataclass
from typing import ClassVar, Self

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.calibrators.base import Calibrator


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
