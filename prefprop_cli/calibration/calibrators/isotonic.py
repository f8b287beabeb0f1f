"""Isotonic regression: the best curve that only rises."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.calibrators.base import Calibrator
from prefprop_cli.calibration.calibrators.one_vs_rest import (
    check_curves,
    claimed_probs,
    joined_odds,
    problems,
)
from prefprop_cli.errors import CorruptFileError

Share = Annotated[float, Field(gt=0, lt=1)]

_DIGITS = 14
"""Of a claim. What differs by less, scikit-learn takes for one knot: it must be one everywhere."""


@dataclass(frozen=True)
class Isotonic(Calibrator):
    """The calibrated probability of a class is a rising curve of its probability.

    Steps, with straight lines between them, that minimise the squared error, for class 1 of two
    classes, else for each class against the rest and renormalised. A step of 0 would be wrong for
    ever after one surprise: the curve stays within [1/(N + C), (N + 1)/(N + C)], what N documents
    without a counter-example say by Laplace's rule of succession.

    Source: Zadrozny & Elkan 2002, sections 4 and 5.
    """

    name: ClassVar = "isotonic"
    summary: ClassVar = "a rising curve for the probability of each class; needs many documents"

    claims: tuple[tuple[float, ...], ...]
    """For each curve, the probabilities at its knots, rising."""
    shares: tuple[tuple[Share, ...], ...]
    """What they are calibrated to."""

    def __post_init__(self) -> None:
        check_curves(self.claims, self.shares)
        for claims, shares in zip(self.claims, self.shares, strict=True):
            rise = sorted(claims) == [*claims] and sorted(shares) == [*shares]
            if not (rise and 0 < len(claims) == len(shares)):
                raise CorruptFileError("isotonic: a curve has no knots, or does not rise")

    @property
    def n_classes(self) -> int:
        return max(len(self.claims), 2)  # one curve does for two

    @classmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self:
        from sklearn.isotonic import IsotonicRegression  # 1.0 s that predicting does not need

        n, n_classes = logits.shape
        probs = claimed_probs(logits).round(_DIGITS)
        least, most = 1 / (n + n_classes), (n + 1) / (n + n_classes)
        curves = [
            IsotonicRegression(y_min=least, y_max=most).fit(claims, is_class)
            for claims, is_class in problems(probs, labels)
        ]
        return cls(
            tuple(tuple(curve.X_thresholds_.tolist()) for curve in curves),
            tuple(tuple(curve.y_thresholds_.tolist()) for curve in curves),
        )

    def _logits(self, logits: Floats) -> Floats:
        probs = claimed_probs(logits).round(_DIGITS).T
        curves = zip(probs, self.claims, self.shares, strict=True)
        calibrated = np.column_stack([np.interp(*curve) for curve in curves])
        return joined_odds(np.log(calibrated) - np.log1p(-calibrated))

    def __str__(self) -> str:
        steps = [len(set(shares)) for shares in self.shares]
        return f"steps: {steps[0]}" if len(steps) == 1 else f"steps: {min(steps)} to {max(steps)}"
