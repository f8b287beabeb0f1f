"""Documents in bins of confidence, and the calibration errors as functions of the bins' sums.

For document i: p_i, the probability of the predicted class (its confidence), and c_i, 1 if that
class is right. A bin has n_b documents and a gap, the sum of c_i - p_i. All calibration errors of
bins are averages of the bins' errors

    e_b = |gap_b| / n_b = |accuracy_b - confidence_b|.

Bins of equal width are here, those of equal mass in `equal_mass`.
"""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError, UsageError

WidthMode = Literal["guo", "paper"]
Mode = Literal["guo", "mass", "paper"]

DEFAULT_BINS = 15
PAPER_BINS = 10
_NOTHING = "no documents in the bins: nothing has been counted yet"


@dataclass(frozen=True)
class Bin:
    """Documents with a confidence in (lower, upper]; the means of an empty bin are NaN."""

    lower: float
    upper: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class BinSums:
    """What the errors need of each bin, (n_bins,) each: documents, gap, documents that are right.

    The sums of two sets of documents in the same bins of equal width add up.
    """

    count: Ints
    gap: Floats
    hits: Ints

    def __add__(self, other: Self) -> Self:
        return type(self)(self.count + other.count, self.gap + other.gap, self.hits + other.hits)

    @property
    def expected_error(self) -> float:
        """sum_b n_b/N e_b."""
        return expected_error(self.gap, n=int(self.count.sum()))

    @property
    def maximum_error(self) -> float:
        """The largest e_b."""
        return maximum_error(self.gap, self.count)

    @property
    def root_mean_square_error(self) -> float:
        """(sum_b n_b/N e_b²)^(1/2)."""
        squares = _bin_errors(self.gap, self.count) ** 2
        return float(np.sqrt(np.average(squares, weights=self.count[self.count > 0])))

    @property
    def mean_error(self) -> float:
        """Mean of e_b over the bins that hold documents, each bin counted alike."""
        return float(_bin_errors(self.gap, self.count).mean())


@dataclass(frozen=True)
class StreamingBins:
    """Calibration in bins of equal width of any number of documents, in constant memory.

    Start `empty`, keep what `updated` returns, and add up those of several processes:

        bins = StreamingBins.empty()
        for probs, labels in chunks:
            bins = bins.updated(Predictions.from_probs(probs, labels))
        bins.sums.expected_error
    """

    mode: WidthMode
    sums: BinSums

    @classmethod
    def empty(cls, *, n_bins: int = DEFAULT_BINS, mode: WidthMode = "guo") -> Self:
        """No documents yet; bins as in `expected_calibration_error`."""
        nothing = np.zeros(checked_bins(n_bins), np.int64)
        return cls(mode, BinSums(nothing, np.zeros(n_bins), nothing))

    def updated(self, predictions: Predictions) -> Self:
        """With these documents too."""
        return self.updated_top(predictions.confidence, right_in(predictions, self.mode))

    def updated_top(self, confidence: Floats, right: Ints) -> Self:
        """With documents too of which only the top label is known.

        Args:
            confidence: (N,), in [0, 1].
            right: (N,), 1 where the label is right, else 0.

        Raises:
            DataError: a confidence is NaN or outside [0, 1].
        """
        if not ((confidence >= 0) & (confidence <= 1)).all():
            raise DataError("a confidence is NaN or outside [0, 1]. Pass probabilities, not logits")
        chunk = width_sums(confidence, right, n_bins=len(self.sums.count), mode=self.mode)
        return type(self)(self.mode, self.sums + chunk)

    @property
    def bins(self) -> list[Bin]:
        """The reliability diagram, for `guo`."""
        return bins_of(self.sums)

    def __add__(self, other: Self) -> Self:
        mine, theirs = (f"{len(each.sums.count)} ({each.mode})" for each in (self, other))
        if mine != theirs:
            raise DataError(f"bins of two kinds do not add up: {mine} and {theirs}")
        return type(self)(self.mode, self.sums + other.sums)


def expected_error(gap: Floats, *, n: int) -> float:
    """sum_b n_b/N e_b of the sums (n_bins,) of c_i - p_i over N documents.

    Raises:
        DataError: N is 0.
    """
    if not n:
        raise DataError(_NOTHING)
    return float(np.abs(gap).sum() / n)


def maximum_error(gap: Floats, count: Ints) -> float:
    """The largest e_b of the sums (n_bins,) of c_i - p_i and the documents (n_bins,).

    Raises:
        DataError: no bin holds a document.
    """
    return float(_bin_errors(gap, count).max())


def checked_bins(n_bins: int) -> int:
    """The number of bins.

    Raises:
        UsageError: it is not a whole number from 1.
    """
    if isinstance(n_bins, bool) or not isinstance(n_bins, int | np.integer) or n_bins < 1:
        raise UsageError(f"n_bins = {n_bins!r}; a number of bins is a whole one from 1, as 15")
    return int(n_bins)


def edges(n_bins: int) -> Floats:
    """The n + 1 edges k/n of bins of equal width, each correctly rounded.

    Raises:
        UsageError: the number of bins is not a whole one from 1.
    """
    n_bins = checked_bins(n_bins)
    return np.arange(n_bins + 1) / n_bins  # linspace differs from k/n in the last bit


def width_sums(confidence: Floats, right: Ints, *, n_bins: int, mode: WidthMode) -> BinSums:
    """Sums of documents (N,) in bins of equal width; see `width_claims`."""
    index, claim = width_claims(confidence, n_bins=n_bins, mode=mode)
    hits = np.bincount(index[right > 0], minlength=n_bins)
    count = np.bincount(index, minlength=n_bins)
    return BinSums(count, gap_sums(index, right - claim, n_bins=n_bins), hits)


def gap_sums(index: Ints, gap: Floats, *, n_bins: int) -> Floats:
    """The sums of gaps (N,) over the bins they are in; (n_bins,)."""
    return np.asarray(np.bincount(index, gap, n_bins), np.float64)


def right_in(predictions: Predictions, mode: Mode) -> Ints:
    """1 where the top label of a mode is right, else 0; (N,)."""
    return predictions.float32_right if mode == "paper" else predictions.right


def width_gaps(predictions: Predictions, *, n_bins: int, mode: WidthMode) -> tuple[Ints, Floats]:
    """The bin of each document, and how far its outcome lies above its bin's claim; both (N,)."""
    index, claim = width_claims(predictions.confidence, n_bins=n_bins, mode=mode)
    return index, right_in(predictions, mode) - claim


def width_claims(confidence: Floats, *, n_bins: int, mode: WidthMode) -> tuple[Ints, Floats]:
    """The bin of each document, and the probability of being right that is claimed for it.

    `guo`: bins (a, b], 0 in the first; the claim is the confidence. `paper`: bins [a, b) of
    float32 confidences, 1 in the last; the claim is the bin's upper edge.

    Args:
        confidence: (N,), in [0, 1].
        n_bins: bins of equal width on [0, 1].
        mode: which of the two.

    Returns:
        Both (N,): int64 in [0, n_bins), and float64.

    Raises:
        UsageError: there is no such mode, or no such number of bins.
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


def bins_of(sums: BinSums) -> list[Bin]:
    """All bins of a reliability diagram, the empty ones too, from sums of equal width (`guo`)."""
    cuts = edges(len(sums.count))
    total = np.where(sums.count, sums.count, np.nan)
    columns = (cuts[:-1], cuts[1:], sums.count, (sums.hits - sums.gap) / total, sums.hits / total)
    return [Bin(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _bin_errors(gap: Floats, count: Ints) -> Floats:
    """e_b of the bins that hold documents."""
    filled = count > 0
    if not filled.any():
        raise DataError(_NOTHING)
    return np.abs(gap[filled]) / count[filled]
