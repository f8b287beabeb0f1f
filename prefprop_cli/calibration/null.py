"""What chance alone does to a calibration error: the score of a perfectly calibrated model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.binning import (
    DEFAULT_BINS,
    Mode,
    expected_error,
    width_claims,
)
from prefprop_cli.calibration.equal_mass import group_starts
from prefprop_cli.calibration.predictions import checked_probs

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Null:
    """ECE of a model that is perfectly calibrated at the given confidences, over many draws.

    `errors` holds one ECE per draw, (n_resamples,) float64.
    """

    errors: Floats

    @property
    def mean(self) -> float:
        return float(self.errors.mean())

    @property
    def p95(self) -> float:
        return float(np.quantile(self.errors, 0.95))

    def p_value(self, observed: float) -> float:
        """Share of draws, the observed one counted among them, with an ECE of at least this."""
        # Few documents give few different errors: rounding must not tell a draw from its equal.
        n_at_least = np.sum(self.errors >= observed - _ROUNDING)
        return float((1 + n_at_least) / (1 + len(self.errors)))


def expected_null_error(
    probs: ArrayLike,
    *,
    n_bins: int = DEFAULT_BINS,
    mode: Mode = "guo",
    n_resamples: int = 2000,
    seed: int = 0,
) -> Null:
    """ECE that chance alone gives a perfectly calibrated model with these confidences.

    The confidences stay; in each draw document i is right with probability p_i. An ECE is worth
    reading only beside this: at n = 65 a perfect model scores about .07 with 15 bins.

    Args:
        probs: (N, C), rows sum to 1.
        n_bins: bins of the error.
        mode: its definition, as in `expected_calibration_error`.
        n_resamples: draws.
        seed: of the draws.

    Raises:
        DataError: as `expected_calibration_error`.

    Source: consistency resampling, Bröcker & Smith 2007, with the forecasts held fixed.
    """
    values, _ = checked_probs(probs, np.zeros(np.shape(probs)[:1], np.int64))
    confidence = np.sort(values.max(axis=1))
    starts, claim = _starts_and_claims(confidence, n_bins=n_bins, mode=mode)
    expected = np.add.reduceat(claim, starts)
    rng = np.random.default_rng(seed)

    def draw() -> float:
        right = (rng.random(len(confidence)) < confidence).astype(np.float64)
        return expected_error(np.add.reduceat(right, starts) - expected, n=len(confidence))

    return Null(np.array([draw() for _ in range(n_resamples)]))


def _starts_and_claims(confidence: Floats, *, n_bins: int, mode: Mode) -> tuple[Ints, Floats]:
    """Where the filled bins of confidences in order start, and what each document claims."""
    if mode == "mass":
        return group_starts(len(confidence), n_bins), confidence
    index, claim = width_claims(confidence, n_bins=n_bins, mode=mode)
    return np.unique(index, return_index=True)[1], claim
