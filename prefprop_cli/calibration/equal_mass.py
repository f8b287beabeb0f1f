"""Calibration in groups of equal size: the equal-mass bins.

Documents are ordered by rising confidence, those of equal confidence as they were given, and cut
into n groups whose sizes differ by one at most, the larger ones first. Where equal confidences
meet a cut, the order of the documents decides; otherwise it does not matter.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.binning import BinSums, checked_bins

_ONE = np.uint64(1)


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
    group = np.arange(number)
    return np.asarray(group * (n // number) + np.minimum(group, n % number))
