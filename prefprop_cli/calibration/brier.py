"""The Brier score in its parts: how much is calibration, how much discrimination, how much chance.

For one event with probability f_i and outcome o_i, 1 if it happened, and bins of f (b: n_b
documents, means f̄_b and ō_b; ō over all),

    1/N Σ (f_i - o_i)² = REL - RES + UNC + WBV - WBC
    REL = Σ_b n_b/N (f̄_b - ō_b)²              reliability: 0 is calibrated
    RES = Σ_b n_b/N (ō_b - ō)²                 resolution: what the bins tell apart
    UNC = ō (1 - ō)                            uncertainty: the score of always saying ō
    WBV = 1/N Σ (f_i - f̄_b)²                   variance within bins
    WBC = 2/N Σ (f_i - f̄_b)(o_i - ō_b)         covariance within bins

which is an identity in any bins. Murphy's REL - RES + UNC alone is one only where all forecasts of
a bin are equal; RES + WBC - WBV is Stephenson's generalised resolution, which makes it one again.
With few documents REL and RES are both too high, as an ECE is.

Source: Brier 1950; Murphy 1973 (J. Appl. Meteor. 12, 595); Stephenson, Coelho & Jolliffe 2008
(Weather and Forecasting 23, 752).
"""

from dataclasses import dataclass

import numpy as np

from prefprop_cli.arrays import Flags, Floats
from prefprop_cli.calibration.bins import width_bins
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError


@dataclass(frozen=True)
class BrierDecomposition:
    """A Brier score and its five parts, in the unit of the score.

    brier = reliability - resolution + uncertainty + within_variance - within_covariance
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float


def brier_decomposition(predictions: Predictions, *, n_bins: int) -> BrierDecomposition:
    """Decompose the Brier score Σ_k (p_k - 1[k = label])² of all classes, in [0, 2].

    Each class is an event of its own, in bins of its own probability; all six figures are sums
    over the classes (as in Murphy 1973, who bins whole vectors of probabilities).

    Raises:
        DataError: a document lacks a class, a logit of -inf.
    """
    if not predictions.all_classes:
        raise DataError(
            "a Brier score taken apart by class was asked for, but documents bring candidates of "
            "their own (logits of -inf): candidate k of two documents is not one class. Take "
            "apart that of the top label"
        )
    columns = (np.ascontiguousarray(column) for column in predictions.probs.T)  # read often
    parts = [_parts(p, predictions.labels == k, n_bins=n_bins) for k, p in enumerate(columns)]
    return BrierDecomposition(*np.sum(parts, axis=0).tolist())


def top_label_decomposition(predictions: Predictions, *, n_bins: int) -> BrierDecomposition:
    """Decompose the Brier score of "the prediction is right", in [0, 1], by the confidence.

    Its reliability is the squared RMSCE of these bins, and its uncertainty that of the accuracy.
    """
    parts = _parts(predictions.confidence, predictions.right > 0, n_bins=n_bins)
    return BrierDecomposition(*parts.tolist())


def _parts(forecast: Floats, happened: Flags, *, n_bins: int) -> Floats:
    """Score, REL, RES, UNC, WBV and WBC of one event."""
    outcome, n = happened.astype(np.float64), len(happened)
    index, _ = width_bins(forecast, n_bins=n_bins)
    count = np.bincount(index, minlength=n_bins)
    weight, share = count / n, outcome.mean()
    mean_forecast = np.bincount(index, forecast, n_bins) / count.clip(1)
    mean_outcome = np.bincount(index, outcome, n_bins) / count.clip(1)
    spread = forecast - mean_forecast[index]
    error = forecast - outcome
    return np.array(
        [
            error @ error / n,
            weight @ (mean_forecast - mean_outcome) ** 2,
            weight @ (mean_outcome - share) ** 2,
            share * (1 - share),
            spread @ spread / n,
            2 * (spread @ (outcome - mean_outcome[index])) / n,
        ]
    )
