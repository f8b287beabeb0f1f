"""Calibration in groups of equal size: the equal-mass bins and the sweep over their number.

Documents are ordered by rising confidence, those of equal confidence as they were given, and cut
into n groups whose sizes differ by one at most, the larger ones first. Where equal confidences
meet a cut, the order of the documents decides; otherwise it does not matter.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefprop_cli.calibration.binning import BinSums, checked_bins
from prefprop_cli.calibration.predictions import Floats, Ints, Predictions

_ONE = np.uint64(1)
_CELLS = 1 << 18  # groups compared at a time


@dataclass(frozen=True)
class Ranked:
    """Documents by rising confidence: `confidence` (N,), and `right` (N,), 1 or 0."""

    confidence: Floats
    right: Ints

    @cached_property
    def gap(self) -> Floats:
        """How far each outcome lies above its claim; (N,)."""
        return self.right - self.confidence

    def sums(self, starts: Ints) -> BinSums:
        """Sums of consecutive groups that start at these places, the last one up to the end."""
        count = np.diff(starts, append=len(self.confidence))
        gap, hits = np.add.reduceat(self.gap, starts), np.add.reduceat(self.right, starts)
        return BinSums(count, gap, hits)


@dataclass(frozen=True)
class SweepError:
    """ECE and RMSCE in as many equal-mass groups as keep their accuracies in order."""

    n_bins: int
    ece: float
    rmsce: float


def sweep_calibration_error(probs: ArrayLike, labels: ArrayLike) -> SweepError:
    """ECE_sweep: equal-mass groups, as many as the accuracies stay monotone for.

    The n for which the accuracies of 1, 2, …, n groups never fall as confidence rises: finer
    groups than that are known to measure noise. No number of bins has to be chosen.

    Args:
        probs: (N, C), rows sum to 1.
        labels: (N,) int, in [0, C).

    Raises:
        DataError: as `expected_calibration_error`.

    Source: Roelofs et al. 2022, section 5 and algorithm 1 (arXiv 2012.08668).
    """
    predictions = Predictions.from_probs(probs, labels)
    return sweep_error(ranked(predictions.confidence, predictions.right))


def sweep_error(documents: Ranked) -> SweepError:
    """`sweep_calibration_error` of documents in order."""
    n_bins = _n_monotone(documents.right)
    sums = documents.sums(group_starts(len(documents.right), n_bins))
    return SweepError(n_bins, sums.expected_error, sums.root_mean_square_error)


def ranked(confidence: Floats, right: NDArray[np.bool_] | Ints) -> Ranked:
    """Documents by rising confidence, those of equal confidence in the order given.

    Args:
        confidence: (N,), not negative.
        right: (N,), True or 1 where the claim holds.
    """
    # A float that is not negative has no use for its sign bit, and its bits are in its order:
    # shifted by one they make room for the outcome, and a plain sort, several times as fast as
    # one for the order, moves both.
    keys = (np.ascontiguousarray(confidence).view(np.uint64) << _ONE) | right.astype(np.uint64)
    keys.sort()
    if ((keys[1:] ^ keys[:-1]) == _ONE).any():  # equal confidence, other outcome: order matters
        order = np.argsort(confidence, kind="stable")
        return Ranked(confidence[order], right[order].astype(np.int64))
    return Ranked((keys >> _ONE).view(np.float64), (keys & _ONE).view(np.int64))


def group_starts(n: int, n_groups: int) -> Ints:
    """Where each of min(n_groups, n) groups of n documents starts, as `numpy.array_split` cuts.

    Raises:
        UsageError: the number of groups is not a whole one from 1.
    """
    number = min(checked_bins(n_groups), n)
    return _start(np.arange(number), n=n, number=np.int64(number))


def _start(group: Ints, *, n: int, number: Ints | np.int64) -> Ints:
    return np.asarray(group * (n // number) + np.minimum(group, n % number))


def _group(place: int, *, n: int, number: Ints) -> Ints:
    """The group of one document for each number of groups."""
    size, n_larger = n // number, n % number
    in_larger = place < n_larger * (size + 1)
    return np.where(in_larger, place // (size + 1), (place - n_larger) // size)


def _n_monotone(right: Ints) -> int:
    n, hits, misses = len(right), np.flatnonzero(right), np.flatnonzero(right == 0)
    if not len(hits) or not len(misses) or misses[-1] < hits[0]:
        return n  # every group of one document is in order
    # Groups before the first hit or after the last miss are in order whatever their number.
    span = int(hits[0]), int(misses[-1])
    hits_before = np.concatenate([[0], right.cumsum()])
    number = 1
    while True:
        width = 2 * number * (span[1] - span[0]) // n + 4
        tried = np.arange(number + 1, number + 1 + max(1, min(number, _CELLS // width)))
        falls = _falls(hits_before, tried[tried <= n], span)
        if falls.any():  # it is at n groups at the latest
            return number + int(falls.argmax())
        number = int(tried[-1])


def _falls(hits_before: Ints, number: Ints, span: tuple[int, int]) -> NDArray[np.bool_]:
    """For each number of groups, whether the accuracy falls between two of them."""
    n = len(hits_before) - 1
    first, last = (_group(place, n=n, number=number) for place in span)
    group = first[:, None] + np.arange((last - first).max() + 2)
    cuts = _start(np.minimum(group, number[:, None]), n=n, number=number[:, None])
    hits, size = np.diff(hits_before[cuts], axis=1), np.diff(cuts, axis=1)
    falls: NDArray[np.bool_] = hits[:, :-1] * size[:, 1:] > hits[:, 1:] * size[:, :-1]
    return np.asarray(falls.any(axis=1))
