"""How far a model's confidence is from its accuracy.

N documents, C classes. For document i: p_i, the probability of the predicted class (its
confidence), and c_i, 1 if that class is right. Every calibration error here has one form,

    ECE = 1/N  sum_bins |sum_{i in bin} g_i|,    g_i = c_i - p_i  ("gap")

and the paper's differs only in its bins and in its gap. That form is what the bootstrap resamples.
"""

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.binning import (
    DEFAULT_BINS,
    PAPER_BINS,
    Bin,
    BinSums,
    Mode,
    bins_of,
    expected_error,
    gap_sums,
    maximum_error,
    right_in,
    width_gaps,
    width_sums,
)
from prefprop_cli.calibration.equal_mass import group_starts, ranked
from prefprop_cli.calibration.null import Null, expected_null_error
from prefprop_cli.calibration.predictions import Predictions, checked, softmax

__all__ = [
    "DEFAULT_BINS",
    "PAPER_BINS",
    "Bin",
    "CalibrationTerms",
    "Mode",
    "Null",
    "brier_score",
    "calibration_scores",
    "calibration_terms",
    "checked",
    "expected_calibration_error",
    "expected_null_error",
    "maximum_calibration_error",
    "negative_log_likelihood",
    "reliability_bins",
    "root_mean_square_calibration_error",
    "softmax",
    "top_label_sums",
]

CalibrationTerms = tuple[Ints, Floats, Ints, Floats, Floats, Floats]


def expected_calibration_error(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS, mode: Mode = "guo"
) -> float:
    """Expected calibration error of the predicted class, sum_b n_b/N |accuracy_b - confidence_b|.

    `guo`: equal-width bins (a, b], 0 in the first and 1 in the last, edges k/n correctly rounded;
    a bin's confidence is the mean of its documents. `mass`: the same in groups of equal size, one
    document each where n_bins ≥ N; of equal confidences at a cut the order of the documents
    decides. `paper`: float32 probabilities, bins [a, b), and a bin's confidence is its upper
    edge, so that a perfect model never scores 0; for comparison with the paper's table 3, which
    uses 10 bins.

    Args:
        probs: (N, C), rows sum to 1.
        labels: (N,) int, in [0, C).
        n_bins: bins of equal width on [0, 1], or groups of equal size.
        mode: which of the three definitions.

    Returns:
        In [0, 1].

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, a label that is no whole
            number in [0, C), text, a negative probability, or a row that does not sum to 1.
        UsageError: there is no such mode, or no such number of bins.

    Source: Guo et al. 2017, section 2 (arXiv 1706.04599); the metric `jordyvl/ece` as the
    released code of arXiv 2305.12086 calls it.
    """
    predictions = Predictions.from_probs(probs, labels)
    return top_label_sums(predictions, n_bins=n_bins, mode=mode).expected_error


def maximum_calibration_error(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS, mode: Mode = "guo"
) -> float:
    """Largest |accuracy - confidence| of a non-empty bin; bins and errors as the ECE's."""
    predictions = Predictions.from_probs(probs, labels)
    return top_label_sums(predictions, n_bins=n_bins, mode=mode).maximum_error


def root_mean_square_calibration_error(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS, mode: Mode = "guo"
) -> float:
    """(sum_b n_b/N |accuracy_b - confidence_b|²)^(1/2), the l2 form; bins and errors as the ECE's.

    Never below the ECE and never above the maximum error.
    """
    predictions = Predictions.from_probs(probs, labels)
    return top_label_sums(predictions, n_bins=n_bins, mode=mode).root_mean_square_error


def brier_score(probs: ArrayLike, labels: ArrayLike) -> float:
    """Mean over documents of sum_k (p_k - 1[k = label])², in [0, 2] (Brier 1950)."""
    return float(Predictions.from_probs(probs, labels).squared_errors.mean())


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike) -> float:
    """Mean of -log softmax(logits)[label], in nats, from the log-softmax in float64."""
    return float(Predictions.from_logits(logits, labels).log_losses.mean())


def reliability_bins(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS
) -> list[Bin]:
    """All bins of the reliability diagram, the empty ones too; definitions as `guo` above."""
    predictions = Predictions.from_probs(probs, labels)
    return bins_of(top_label_sums(predictions, n_bins=n_bins, mode="guo"))


def top_label_sums(predictions: Predictions, *, n_bins: int, mode: Mode) -> BinSums:
    """The sums of all documents in the bins of a mode of `expected_calibration_error`."""
    confidence, right = predictions.confidence, right_in(predictions, mode)
    if mode != "mass":
        return width_sums(confidence, right, n_bins=n_bins, mode=mode)
    return ranked(confidence, right).sums(group_starts(len(right), n_bins))


def calibration_terms(logits: ArrayLike, labels: ArrayLike, *, n_bins: int) -> CalibrationTerms:
    """What each document adds to the calibration scores: arrays (N,) for `calibration_scores`.

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, or a label outside [0, C).
    """
    predictions = Predictions.from_logits(logits, labels)
    return (
        *width_gaps(predictions, n_bins=n_bins, mode="guo"),
        *width_gaps(predictions, n_bins=PAPER_BINS, mode="paper"),
        predictions.squared_errors,
        predictions.log_losses,
    )


def calibration_scores(
    index: Ints,
    gap: Floats,
    paper_index: Ints,
    paper_gap: Floats,
    squared_error: Floats,
    log_loss: Floats,
    *,
    n_bins: int,
) -> dict[str, float]:
    """All calibration scores from `calibration_terms`, of all documents or of a resample."""
    gaps = gap_sums(index, gap, n_bins=n_bins)
    paper_gaps = gap_sums(paper_index, paper_gap, n_bins=PAPER_BINS)
    return {
        "ece": expected_error(gaps, n=len(index)),
        "ece_paper": expected_error(paper_gaps, n=len(index)),
        "mce": maximum_error(gaps, np.bincount(index, minlength=n_bins)),
        "brier": float(squared_error.mean()),
        "nll": float(log_loss.mean()),
    }
