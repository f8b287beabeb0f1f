"""Documents in bins of confidence, and the calibration errors as functions of the bins' sums.

For document i: p_i, the probability of the predicted class (its confidence), and c_i, 1 if that
class is right. A bin has n_b documents and a gap, the sum of c_i - p_i. All calibration errors of
bins are averages of the bins' errors

    e_b = |gap_b| / n_b = |accuracy_b - confidence_b|.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from prefprop_cli.arrays import Flags, Floats, Ints
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import UsageError
from prefprop_cli.tables import Ece

WidthMode = Ece
Mode = Literal["guo", "mass", "paper"]
"""Bins of equal width (a, b], with their mean confidence; groups of equal size; and the paper's:
bins [a, b) of float32 confidences, each held against its upper edge."""

DEFAULT_BINS = 15
PAPER_BINS = 10
_ONE = np.uint64(1)


@dataclass(frozen=True)
class BinSums:
    """What the errors need of each bin, (n_bins,) each."""

    count: Ints
    """Documents."""
    gap: Floats
    """Sum of c_i - p_i."""
    hits: Ints
    """Documents that are right."""

    @property
    def expected_error(self) -> float:
        """sum_b n_b/N e_b."""
        return float(np.abs(self.gap).sum() / int(self.count.sum()))

    @property
    def maximum_error(self) -> float:
        """The largest e_b."""
        return float(self._errors.max())

    @property
    def root_mean_square_error(self) -> float:
        """(sum_b n_b/N e_b²)^(1/2)."""
        return float(np.sqrt(np.average(self._errors**2, weights=self.count[self.count > 0])))

    @property
    def mean_error(self) -> float:
        """Mean of e_b over the bins that hold documents, each bin counted alike."""
        return float(self._errors.mean())

    @property
    def debiased_square(self) -> float:
        """The squared error without the part that chance adds to it, in [-1/4, 1].

            sum_b n_b/N [e_b² - accuracy_b (1 - accuracy_b) / (n_b - 1)]

        over groups of equal size. The second term is what the variance of n_b outcomes adds to
        the first, estimated without bias: a calibrated model scores below 0 about every other
        time. A group of one document has no variance to subtract and adds 0.

        Source: Kumar et al. 2019, section 5 (arXiv 1909.10155).
        """
        several = self.count > 1
        count, gap, hits = self.count[several], self.gap[several], self.hits[several]
        variance = hits / count * (1 - hits / count) / (count - 1)
        return float((count * ((gap / count) ** 2 - variance)).sum() / self.count.sum())

    @property
    def _errors(self) -> Floats:
        filled = self.count > 0
        return np.asarray(np.abs(self.gap[filled]) / self.count[filled])


def bin_sums(predictions: Predictions, *, n_bins: int, mode: Mode = "guo") -> BinSums:
    """Sum up the top labels of all documents in the bins of a mode.

    Raises:
        UsageError: there is no such mode, or no such number of bins.
    """
    if mode == "mass":
        return mass_sums(predictions.confidence, predictions.right, n_bins=n_bins)
    index, gap = top_label_gaps(predictions, n_bins=n_bins, mode=mode)
    right = _right(predictions, mode)
    return BinSums(
        count=np.bincount(index, minlength=n_bins),
        gap=np.asarray(np.bincount(index, gap, n_bins), np.float64),
        hits=np.bincount(index[right > 0], minlength=n_bins),
    )


def top_label_gaps(
    predictions: Predictions, *, n_bins: int, mode: WidthMode = "guo"
) -> tuple[Ints, Floats]:
    """Return each document's bin, and how far its outcome lies above its bin's claim; (N,)."""
    index, claim = width_bins(predictions.confidence, n_bins=n_bins, mode=mode)
    return index, _right(predictions, mode) - claim


def width_bins(confidence: Floats, *, n_bins: int, mode: WidthMode = "guo") -> tuple[Ints, Floats]:
    """Return the bin of each confidence, on [0, 1], and the share of right ones it claims; (N,).

    `guo`: bins (a, b], 0 in the first; the claim is the confidence. `paper`: bins [a, b), 1 in
    the last; the claim is the bin's upper edge, so that a perfect model never scores 0.

    Raises:
        UsageError: there is no such mode, or no such number of bins.

    Source: Guo et al. 2017, section 2 (arXiv 1706.04599); the metric `jordyvl/ece` as the
    released code of arXiv 2305.12086 calls it.
    """
    cuts = edges(n_bins)
    if mode not in get_args(WidthMode):
        raise UsageError(f"mode = {mode!r}; there are {', '.join(get_args(Mode))}")
    if mode == "guo":
        return (np.searchsorted(cuts, confidence, "left") - 1).clip(0, n_bins - 1), confidence
    # On an edge the rounding to float32 decides the bin (.7 falls below .7).
    rounded = confidence.astype(np.float32).astype(np.float64)
    index = (np.searchsorted(cuts, rounded, "right") - 1).clip(0, n_bins - 1)
    return index, cuts[index + 1]


def edges(n_bins: int) -> Floats:
    """Return the n + 1 edges k/n of bins of equal width, each correctly rounded."""
    n_bins = _checked_number(n_bins)
    return np.arange(n_bins + 1) / n_bins  # linspace differs from k/n in the last bit


def mass_sums(confidence: Floats, right: Flags | Ints, *, n_bins: int) -> BinSums:
    """Sum up documents (N,) in groups of equal size by rising confidence.

    Where equal confidences meet a cut, the order of the documents decides; otherwise it does not
    matter.
    """
    ranked, hits = by_confidence(confidence, right)
    starts = group_starts(len(ranked), n_bins)
    return BinSums(
        count=np.diff(starts, append=len(ranked)),
        gap=np.add.reduceat(hits - ranked, starts),
        hits=np.add.reduceat(hits, starts),
    )


def by_confidence(confidence: Floats, right: Flags | Ints) -> tuple[Floats, Ints]:
    """Sort confidences (N,), none negative, and outcomes (N,), stably by rising confidence."""
    # A float that is not negative has no use for its sign bit, and its bits are in its order:
    # shifted by one they make room for the outcome, and a plain sort, several times as fast as
    # one for the order, moves both.
    keys = (np.ascontiguousarray(confidence).view(np.uint64) << _ONE) | right.astype(np.uint64)
    keys.sort()
    if ((keys[1:] ^ keys[:-1]) == _ONE).any():  # equal confidence, other outcome: order matters
        order = np.argsort(confidence, kind="stable")
        return confidence[order], right[order].astype(np.int64)
    return (keys >> _ONE).view(np.float64), (keys & _ONE).view(np.int64)


def group_starts(n: int, n_groups: int) -> Ints:
    """Return where each of min(n_groups, n) groups of n starts, as `numpy.array_split` cuts."""
    number = min(_checked_number(n_groups), n)
    group = np.arange(number)
    return np.asarray(group * (n // number) + np.minimum(group, n % number))


def _right(predictions: Predictions, mode: Mode) -> Ints:
    return predictions.float32_right if mode == "paper" else predictions.right


def _checked_number(n_bins: int) -> int:
    if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer) or n_bins < 1:
        raise UsageError(f"n_bins = {n_bins!r}; a number of bins is a whole one from 1, as 15")
    return int(n_bins)
