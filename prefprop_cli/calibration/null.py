"""What chance alone does to a calibration error: the score of a perfectly calibrated model."""

from dataclasses import dataclass

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.bins import DEFAULT_BINS, Mode, group_starts, width_bins

_ROUNDING = 1e-12


@dataclass(frozen=True)
class NullSummary:
    """What perfectly calibrated models with the same confidences score as ECE."""

    mean: float
    p95: float
    """What 95 % of them stay below."""
    p_value: float
    """Share of them with at least the observed error."""


@dataclass(frozen=True)
class Null:
    """The ECE of a model that is perfectly calibrated at the given confidences."""

    errors: Floats
    """One for each draw, (n_resamples,)."""

    @property
    def mean(self) -> float:
        return float(self.errors.mean())

    @property
    def p95(self) -> float:
        return float(np.quantile(self.errors, 0.95))

    def p_value(self, observed: float) -> float:
        """Return the share of draws with at least this ECE, the observed one among them."""
        # Few documents give few different errors: rounding must not tell a draw from its equal.
        n_at_least = np.sum(self.errors >= observed - _ROUNDING)
        return float((1 + n_at_least) / (1 + len(self.errors)))

    def summary(self, observed: float) -> NullSummary:
        return NullSummary(self.mean, self.p95, self.p_value(observed))


def expected_null_error(
    confidence: Floats,
    *,
    n_bins: int = DEFAULT_BINS,
    mode: Mode = "guo",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Null:
    """Draw the ECE that chance alone gives a perfectly calibrated model with these confidences.

    In each draw document i is right with probability p_i. An ECE is worth reading only beside
    this: at n = 65 a perfect model scores about .07 with 15 bins.

    Args:
        confidence: (N,), of checked predictions.
        n_bins: bins of the error.
        mode: its definition, as in `bins.Mode`.
        n_resamples: draws.
        seed: of the draws.

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

    return Null(np.array([draw() for _ in range(n_resamples)]))
