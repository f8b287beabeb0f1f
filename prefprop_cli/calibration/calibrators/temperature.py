"""Temperature scaling: one number that divides the logits."""

from dataclasses import dataclass
from functools import partial
from math import exp, log2
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.calibrators.base import Calibrator
from prefprop_cli.calibration.predictions import negative_log_likelihood, softmax

LOG_BOUND = 10.0
"""Temperatures are sought in [exp(-10), exp(10)] times the unit of the logits."""
_STEP = 16  # binary digits; the unit is 1 for logits whose gaps are of 1/256 to 256
_PRECISION = 1e-12

Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Temperature(Calibrator):
    """Calibrated probabilities are softmax(logits / T); no prediction changes.

    T minimises the negative log-likelihood. It is searched in log(1/T), which settles it to about
    eight digits, in a power of two that grows with the logits: of logits c times as large T is c
    times as large, and the likelihood the same. The likelihood is convex in 1/T, and its slope,
    1/N sum_i sum_k p_ik (z_ik - z_iy) with p = softmax(z / T), is seen to change sign between
    the ends of `bracket`: the optimum lies there, and T beside it.

    Source: Guo et al. 2017, section 4.2 (arXiv 1706.04599).
    """

    name: ClassVar = "temperature"
    summary: ClassVar = "divides the logits by one number; keeps every label"
    for_candidates: ClassVar = True

    value: Positive
    """T."""
    bracket: tuple[Positive, Positive] | None = None
    """Temperatures (low, high) that enclose the optimum; None where the search met its end, or
    where nothing is known of the search."""

    @property
    def at_bound(self) -> bool:
        """Whether every document is right, or confidence worse than none: no T is the best."""
        return self.bracket is None

    @property
    def unsettled(self) -> str:
        return f"the best is at the end of the search, {self.value:.3g}" if self.at_bound else ""

    @classmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self:
        gap = logits - logits[np.arange(len(labels)), labels, None]
        if _slope(gap, 0.0) == 0:  # no confidence to scale, or no loss to reduce
            return cls(1.0, (1.0, 1.0))
        unit = _unit(gap)
        slope = partial(_slope, gap / unit)
        if slope(LOG_BOUND) <= 0:
            return cls(unit * exp(-LOG_BOUND))
        if slope(-LOG_BOUND) >= 0:
            return cls(unit * exp(LOG_BOUND))
        best = _log_inverse(logits / unit, labels)
        half = _PRECISION
        while not slope(max(best - half, -LOG_BOUND)) < 0 < slope(min(best + half, LOG_BOUND)):
            half *= 10
        return cls(unit * exp(-best), (unit * exp(-best - half), unit * exp(-best + half)))

    def _logits(self, logits: Floats) -> Floats:
        return logits / self.value

    def __str__(self) -> str:
        return f"T = {self.value:.4g}"


def _log_inverse(logits: Floats, labels: Ints) -> float:
    """log(1/T) of the least NLL."""
    from scipy import optimize  # 0.4 s that predicting does not need

    found = optimize.minimize_scalar(
        lambda log_inverse: negative_log_likelihood(logits * exp(log_inverse), labels),
        bounds=(-LOG_BOUND, LOG_BOUND),
        method="bounded",
        options={"xatol": _PRECISION},
    )
    return float(found.x)


def _unit(gap: Floats) -> float:
    """A power of two, by which division is exact, near the median of the gaps that are not 0."""
    sizes = np.abs(gap[np.isfinite(gap) & (gap != 0)])
    return float(2.0 ** (_STEP * round(log2(float(np.median(sizes))) / _STEP)))


def _slope(gap: Floats, log_inverse: float) -> float:
    """Slope of the mean NLL in 1/T at log(1/T), from z_k - z_y of each class (N, C)."""
    probs = softmax(gap * exp(log_inverse))
    return float((probs * np.where(np.isfinite(gap), gap, 0)).sum(axis=1).mean())
