"""Calibration of each class's probability.

The top label says nothing of the other C - 1 probabilities. Here class k is taken alone: its
probability p_ik of every document i claims that the label is k. Classes must mean the same in
every document, so the candidates of a question have no such error.
"""

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.equal_mass import group_starts, ranked
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError


def adaptive_errors(predictions: Predictions, *, n_bins: int) -> Floats:
    """The error of each class, (C,): 1/B sum_b |a(b, k) - p(b, k)| over groups of equal size.

    a(b, k) is the share of label k in group b and p(b, k) its mean probability. A class without a
    label in the split is a class like the others: its shares are 0 and its error is what was
    claimed for it. Fewer documents than groups make groups of one.

    Raises:
        DataError: a document lacks a class, a logit of -inf.

    Source: Nixon et al. 2019, section 4 (arXiv 1904.01685).
    """
    if not predictions.all_classes:
        raise DataError(
            "errors by class were asked for, but documents bring candidates of their own (logits "
            "of -inf): candidate k of two documents is not one class. Use those of the top label"
        )
    starts = group_starts(len(predictions.labels), n_bins)
    by_class = (
        ranked(column, predictions.labels == k) for k, column in enumerate(predictions.probs.T)
    )
    return np.array([documents.sums(starts).mean_error for documents in by_class])


def adaptive_error(predictions: Predictions, *, n_bins: int) -> float:
    """ACE, the mean of `adaptive_errors` over all C classes."""
    return float(adaptive_errors(predictions, n_bins=n_bins).mean())
