"""Calibration of each class's probability: SCE, ACE and TACE.

The top label says nothing of the other C - 1 probabilities. Here class k is taken alone: its
probability p_ik of every document i claims that the label is k. Classes must mean the same in
every document, so the candidates of a question have none of these errors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefprop_cli.calibration.binning import DEFAULT_BINS, edges
from prefprop_cli.calibration.equal_mass import Ranked, group_starts, ranked
from prefprop_cli.calibration.predictions import Floats, Ints, Predictions
from prefprop_cli.errors import DataError

THRESHOLD = 0.01
"""Probabilities up to it do not count in TACE, as in its source."""


@dataclass(frozen=True)
class ClasswiseErrors:
    """The three errors of each class, (C,) each, and their means over all C classes."""

    static: Floats
    adaptive: Floats
    thresholded: Floats

    @property
    def sce(self) -> float:
        """Static calibration error."""
        return float(self.static.mean())

    @property
    def ace(self) -> float:
        """Adaptive calibration error."""
        return float(self.adaptive.mean())

    @property
    def tace(self) -> float:
        """Thresholded adaptive calibration error."""
        return float(self.thresholded.mean())


def classwise_errors(
    probs: ArrayLike,
    labels: ArrayLike,
    *,
    n_bins: int = DEFAULT_BINS,
    threshold: float = THRESHOLD,
) -> ClasswiseErrors:
    """SCE, ACE and TACE, class by class.

    For class k, with a(b, k) the share of label k in bin b and p(b, k) its mean probability:

        SCE_k  = sum_b n_b/N |a(b, k) - p(b, k)|    over bins of equal width (a, b]
        ACE_k  = 1/B sum_b   |a(b, k) - p(b, k)|    over groups of equal size
        TACE_k = ACE_k of the documents with p_ik > threshold alone

    A class without a label in the split is a class like the others: its shares are 0 and its
    errors are what was claimed for it. TACE_k is 0 where no probability passes the threshold:
    nothing is claimed.

    Args:
        probs: (N, C), rows sum to 1.
        labels: (N,) int, in [0, C).
        n_bins: bins and groups; fewer documents than groups make groups of one.
        threshold: of TACE, in [0, 1).

    Raises:
        DataError: as `expected_calibration_error`.

    Source: Nixon et al. 2019, section 4 (arXiv 1904.01685).
    """
    predictions = Predictions.from_probs(probs, labels)
    return class_errors(predictions, n_bins=n_bins, threshold=threshold)


def class_errors(
    predictions: Predictions, *, n_bins: int, threshold: float = THRESHOLD
) -> ClasswiseErrors:
    """`classwise_errors` of predictions that have been checked.

    Raises:
        DataError: a document lacks a class, a logit of -inf.
    """
    if not predictions.all_classes:
        raise DataError(
            "errors by class were asked for, but documents bring candidates of their own (logits "
            "of -inf): candidate k of two documents is not one class. Use those of the top label"
        )
    errors = [
        _errors_of_class(column, predictions.labels == k, n_bins=n_bins, threshold=threshold)
        for k, column in enumerate(predictions.probs.T)
    ]
    return ClasswiseErrors(*np.array(errors).T)


def _errors_of_class(
    probs: Floats, is_class: NDArray[np.bool_], *, n_bins: int, threshold: float
) -> tuple[float, float, float]:
    documents = ranked(probs, is_class)
    return (
        documents.sums(_width_starts(documents.confidence, n_bins)).expected_error,
        _adaptive_error(documents, n_bins=n_bins, first=0),
        _adaptive_error(
            documents,
            n_bins=n_bins,
            first=int(np.searchsorted(documents.confidence, threshold, "right")),
        ),
    )


def _adaptive_error(documents: Ranked, *, n_bins: int, first: int) -> float:
    """Mean error of the groups of the documents from a place on."""
    n = len(documents.right) - first
    return documents.sums(first + group_starts(n, n_bins)).mean_error if n else 0.0


def _width_starts(probs: Floats, n_bins: int) -> Ints:
    """Where the bins (a, b] that are not empty start among probabilities in order."""
    starts = np.searchsorted(probs, edges(n_bins)[:-1], "right")
    starts[0] = 0  # a probability of 0 is in the first bin
    return np.unique(starts[starts < len(probs)])
