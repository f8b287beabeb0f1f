"""What a calibrator is: a few numbers, fitted on validation, that turn logits into better ones.

N documents, C classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import ConfigDict, TypeAdapter, ValidationError

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.predictions import checked, softmax
from prefprop_cli.errors import CorruptFileError, DataError, UsageError

SCHEMA_VERSION = 1
REMOVED = ("dirichlet", "histogram")
"""Methods that earlier versions had."""


@dataclass(frozen=True)
class Calibrator(ABC):
    """A fitted method; `calibrator(logits)` are probabilities, `str(calibrator)` says what it is.

    The label it predicts is that of the largest calibrated logit, of equal ones the first. Only
    `none` and `temperature` are sure to keep the model's own.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """What it does, in a line."""
    for_candidates: ClassVar[bool] = False
    """Whether it can do without classes that are the same in every document."""
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    @classmethod
    def fit(cls, logits: ArrayLike, labels: ArrayLike, *, candidates: bool = False) -> Self:
        """Fit the method on validation documents, never on those that are reported.

        Logits are (N, C), labels (N,) in [0, C). With `candidates` each document brings classes of
        its own; it is also taken as so where a logit is -inf, a candidate that is not there.

        Raises:
            DataError: as `Predictions.from_logits`.
            UsageError: the method needs classes, and there are none, or only one.
        """
        values, names = checked(logits, labels)
        if not cls.fits(values, candidates=candidates):
            raise UsageError(
                f"--method {cls.name} needs two or more classes, the same for every document; "
                "here documents have candidates of their own, or there is one class. "
                "Use --method temperature, none or auto"
            )
        return cls._fit(values, names)

    @classmethod
    def fits(cls, logits: Floats, *, candidates: bool) -> bool:
        """Tell whether the method can be used on such logits."""
        has_classes = not candidates and logits.shape[1] > 1 and bool(np.isfinite(logits).all())
        return cls.for_candidates or has_classes

    @property
    def n_classes(self) -> int | None:
        """Classes it was fitted on; None if it takes any number."""
        return None

    @property
    def unsettled(self) -> str:
        """Why the documents do not determine it, for people; empty where they do."""
        return ""

    def logits(self, logits: ArrayLike) -> Floats:
        """Return calibrated logits (N, C), whose softmax are the calibrated probabilities.

        They are finite wherever the logits are: no class gets the probability 0 that makes a
        likelihood infinite.

        Raises:
            DataError: C is not the number of classes it was fitted on.
        """
        values = np.asarray(logits, np.float64)
        if self.n_classes not in (None, values.shape[-1]):
            raise DataError(
                f"logits of {values.shape[-1]} classes; the calibrator ({self.name}) was fitted on "
                f"{self.n_classes}. Run `prefprop calibrate` on this run"
            )
        return self._logits(values)

    def __call__(self, logits: ArrayLike) -> Floats:
        """Return calibrated probabilities, (N, C) float64; rows sum to 1."""
        return softmax(self.logits(logits))

    def as_dict(self) -> dict[str, object]:
        """Return the calibrator as JSON types; `calibrator_from` reads it."""
        return {"schema_version": SCHEMA_VERSION, "name": self.name, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Read what `as_dict` gave, and check each value.

        Raises:
            CorruptFileError: a value is missing, unknown or out of range.
        """
        own = {key: value for key, value in values.items() if key not in ("schema_version", "name")}
        try:
            return TypeAdapter(cls).validate_python(own)
        except ValidationError as error:
            raise CorruptFileError(f"calibrator ({cls.name}) cannot be read: {error}") from error

    @classmethod
    @abstractmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self: ...

    @abstractmethod
    def _logits(self, logits: Floats) -> Floats: ...

    @abstractmethod
    def __str__(self) -> str: ...


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


def span(numbers: ArrayLike) -> str:
    """Return the least and the greatest of some numbers, for people: `0.41 to 0.93`."""
    values = np.asarray(numbers, np.float64)
    return f"{values.min():.3g} to {values.max():.3g}"
