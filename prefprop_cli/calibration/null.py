"""What chance alone does to a calibration error, and what an error says beside that."""

from dataclasses import dataclass
from math import floor
from typing import Self

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.bins import DEFAULT_BINS, Mode, group_starts, width_bins
from prefprop_cli.stats.small_samples import LEAST_MEAN

ALPHA = 0.05
SAYS_NOTHING = 0.2
"""Where chance alone reaches this error, no usual one could be told apart: the paper's table 3 has
.042 to .228."""
_ROUNDING = 1e-12


@dataclass(frozen=True)
class NullSummary:
    """What perfectly calibrated models with the same confidences score as ECE."""

    mean: float
    p95: float
    """What 95 % of them stay below."""
    p_value: float
    """Share of them with at least the observed error, which is counted among them."""

    @classmethod
    def of(cls, errors: Floats, *, observed: float) -> Self:
        """Sum up the draws (R,) of `expected_null_error` beside the observed error."""
        # Few documents give few different errors: rounding must not tell a draw from its equal.
        n_at_least = np.sum(errors >= observed - _ROUNDING)
        p_value = float((1 + n_at_least) / (1 + len(errors)))
        return cls(float(errors.mean()), float(np.quantile(errors, 0.95)), p_value)


def expected_null_error(
    confidence: Floats,
    *,
    n_bins: int = DEFAULT_BINS,
    mode: Mode = "guo",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Floats:
    """Draw ECEs (R,) that chance gives a perfectly calibrated model with these confidences.

    In each draw document i is right with probability p_i, its confidence (N,). An ECE is worth
    reading only beside this: at n = 65 a perfect model scores about .07 with 15 bins.

    Source: consistency resampling, Bröcker & Smith 2007, with the forecasts held fixed.
    """
    ranked, n = np.sort(confidence), len(confidence)
    if mode == "mass":
        starts, claim = group_starts(n, n_bins), ranked
    else:
        index, claim = width_bins(ranked, n_bins=n_bins, mode=mode)
        starts = np.unique(index, return_index=True)[1]
    expected = np.add.reduceat(claim, starts)
    rng = np.random.default_rng(seed)

    def draw() -> float:
        right = (rng.random(n) < ranked).astype(np.float64)
        return float(np.abs(np.add.reduceat(right, starts) - expected).sum() / n)

    return np.array([draw() for _ in range(n_resamples)])


def interpret_error(error: float, null: NullSummary, *, n: int) -> str:
    """Say in a sentence without a full stop what an ECE of n documents tells of the model."""
    if null.p_value <= ALPHA:
        share = floor(1000 * (1 - null.p_value) + 1e-9) / 10  # down, so that it is never 100.0
        return (
            f"{null.mean:.3f} at n = {n} is what a perfectly calibrated model gets on average; "
            f"{error:.3f} is worse than {share:.1f} % of those"
        )
    if _says_nothing(null, n):
        return (
            f"{error:.3f} at n = {n} says nothing: a perfectly calibrated model gets up to "
            f"{null.p95:.3f} in 95 % of cases. Take more documents or fewer bins"
        )
    return (
        f"{error:.3f} at n = {n} is within chance: a perfectly calibrated model gets "
        f"{null.mean:.3f} on average and up to {null.p95:.3f} in 95 % of cases"
    )


def interpret_change(before: NullSummary, after: NullSummary, *, n: int) -> str:
    """Say in a few words what calibration did to the ECE of n documents."""
    if min(before.p_value, after.p_value) > ALPHA:
        return f"{n:,} documents cannot tell" if _says_nothing(after, n) else "both within chance"
    if after.p_value > ALPHA:
        return "within chance now"
    return f"worse than chance {'still' if before.p_value <= ALPHA else 'now'}"


def _says_nothing(null: NullSummary, n: int) -> bool:
    return null.p95 >= SAYS_NOTHING or n < LEAST_MEAN
