"""All calibration scores of a split: a table, a name and a function each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import copysign, sqrt

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.bins import DEFAULT_BINS, PAPER_BINS, BinSums, bin_sums, mass_sums
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.selective import RiskCoverage, risk_coverage
from prefprop_cli.calibration.smooth import smooth_error
from prefprop_cli.errors import DataError


@dataclass(frozen=True)
class Split:
    """Predictions, and what several scores share: one sort of the confidences, the bins' sums."""

    predictions: Predictions
    n_bins: int = DEFAULT_BINS
    """Of all binned errors but the paper's, which has 10."""

    @cached_property
    def width(self) -> BinSums:
        return bin_sums(self.predictions, n_bins=self.n_bins)

    @cached_property
    def mass(self) -> BinSums:
        return bin_sums(self.predictions, n_bins=self.n_bins, mode="mass")

    @cached_property
    def paper(self) -> BinSums:
        return bin_sums(self.predictions, n_bins=PAPER_BINS, mode="paper")

    @cached_property
    def selection(self) -> RiskCoverage:
        return risk_coverage(self.predictions)


SCORES: dict[str, Callable[[Split], float]] = {
    "accuracy": lambda split: float(split.predictions.right.mean()),
    "confidence": lambda split: float(split.predictions.confidence.mean()),
    "ece": lambda split: split.width.expected_error,
    "ece_paper": lambda split: split.paper.expected_error,
    "ece_mass": lambda split: split.mass.expected_error,
    "ece_debiased": lambda split: _signed_root(split.mass.debiased_square),
    "smece": lambda split: smooth_error(split.predictions.confidence, split.predictions.right),
    "mce": lambda split: split.width.maximum_error,
    "rmsce": lambda split: split.width.root_mean_square_error,
    "ace": lambda split: float(class_errors(split.predictions, n_bins=split.n_bins).mean()),
    "brier": lambda split: float(split.predictions.squared_errors.mean()),
    "nll": lambda split: float(split.predictions.log_losses.mean()),
    "aurc": lambda split: split.selection.aurc,
}
"""Fractions in [0, 1], but `ece_debiased`, which may be negative, `brier` in [0, 2] and `nll` in
nats."""


def calibration_scores(split: Split, *, classwise: bool = True) -> dict[str, float]:
    """Compute every score of the table; with `classwise=False` those that candidates have.

    Raises:
        DataError: scores of classes where a document lacks a class, a logit of -inf.
    """
    return {name: of(split) for name, of in SCORES.items() if classwise or name != "ace"}


def class_errors(predictions: Predictions, *, n_bins: int) -> Floats:
    """Compute the adaptive calibration error of each class, (C,); ACE is their mean.

        1/B sum_b |a(b, k) - p(b, k)|    over groups of equal size

    with a(b, k) the share of label k in group b and p(b, k) its mean probability. A class without
    a label in the split is a class like the others: its error is what was claimed for it.

    Raises:
        DataError: a document lacks a class, a logit of -inf.

    Source: Nixon et al. 2019, section 4 (arXiv 1904.01685).
    """
    if not predictions.all_classes:
        raise DataError(
            "errors by class were asked for, but documents bring candidates of their own (logits "
            "of -inf): candidate k of two documents is not one class. Use those of the top label"
        )
    columns = enumerate(predictions.probs.T)
    by_class = (mass_sums(probs, predictions.labels == k, n_bins=n_bins) for k, probs in columns)
    return np.array([sums.mean_error for sums in by_class])


def _signed_root(square: float) -> float:
    return copysign(sqrt(abs(square)), square)
