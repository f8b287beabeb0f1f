"""The interval of a binned calibration error, by inverting a test.

    ECE = sum_b |S_b| / N,    S_b = sum over the documents of bin b of (right - claimed)

Chance pushes |S_b| up wherever a bin is nearly right, so that the error of a sample lies above the
true one; resampled documents repeat that bias and show nothing of it. The question is turned round
instead: which true errors would give what was seen? A true error is kept unless the observed one
lies in a tail of what models with that error get; 0 is kept exactly where the null of consistency
resampling is not rejected.

One number is no model: its gaps b have to be chosen so that they make the test no easier. For a
smaller error, the bins that are most certainly off keep their gaps and all others have none
(chance adds most to those). For a larger one, gaps grow by what is most likely.

Axes: N documents, B bins that hold documents, R draws.
"""

from collections.abc import Callable

import numpy as np

from prefprop_cli.arrays import Flags, Floats, Ints
from prefprop_cli.stats.intervals import Interval

# Shares of 1 - level. With its gaps the test of smaller errors seldom rejects as often as it may;
# these shares, chosen on the worlds of benchmarks/coverage.py, cover 96 of 100 of them on average.
_LOW_TAIL, _HIGH_TAIL = 0.7, 0.5
_HALVINGS = 10
_SLACK = 1e-9  # sums of the same gaps in another order


def binned_error_interval(
    index: Ints, gap: Floats, *, n_resamples: int = 2000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Find an interval of sum_b |E[gap 1(bin b)]|, of which sum_b |S_b| / N is an estimate.

    At level .95 it covers the true error in 93 to 99 of 100 worlds, from 65 documents on
    (`benchmarks/coverage.json`). Where gaps are alike in many bins it is wider than it need be: it
    allows for a sharp one. The observed error is always inside: where even a calibrated model
    would get more by chance, the interval is stretched up to it.

    `index` (N,) is the bin of each document, such as of `top_label_gaps`; `gap` (N,) is right (1
    or 0) - the accuracy claimed for it, in (0, 1]. Some 20 tests of R draws make an interval: with
    R below 2 / (1 - level) nothing can be rejected, and it is as long as can be.

    Source: consistency resampling, Bröcker & Smith 2007, is the test of 0; hybrid resampling over
    a family of one parameter, Chuang & Lai 2000, the others.
    """
    tests = _Tests(index, gap, n_resamples=n_resamples, seed=seed)
    low, high = tests.low(_LOW_TAIL * (1 - level)), tests.high(_HIGH_TAIL * (1 - level))
    return Interval(low, high, level)


def corrected_error(index: Ints, gap: Floats, *, n_resamples: int = 2000, seed: int = 0) -> float:
    """Find the true error of models of which every other one gets the observed error, or more.

    In [0, observed error]; 0 where a calibrated model gets as much in half of all cases. Arguments
    are those of `binned_error_interval`.
    """
    return _Tests(index, gap, n_resamples=n_resamples, seed=seed).low(0.5)


class _Tests:
    """Tests of whether models with given gaps get an error like the observed one."""

    def __init__(self, index: Ints, gap: Floats, *, n_resamples: int, seed: int) -> None:
        bins, self.n = np.unique(index, return_inverse=True)[1], len(gap)
        total = np.bincount(bins, gap)
        right = np.bincount(bins, gap >= 0)  # a claim is above 0: only the right have no less
        self.count = np.bincount(bins)  # (B,), as the others
        self.share = self.count / self.n
        self.claim = ((right - total) / self.count).clip(0, 1)  # mean over the documents
        self.gap = total / self.n
        self.error = float(np.abs(self.gap).sum())
        # By the rule of succession: a bin of documents that are all right has a variance, too.
        accuracy = (self.count * self.claim + self.n * self.gap + 1) / (self.count + 2)
        self.variance = accuracy * (1 - accuracy) * self.count / self.n**2  # of the gap
        self.rng = np.random.default_rng(seed)
        drawn = self.rng.multinomial(self.n, self.share, n_resamples)
        self.shares = drawn / self.n - self.share  # (R, B): other documents, other shares

    def low(self, tail: float) -> float:
        if not self._is_too_small(np.zeros_like(self.gap), tail):
            return 0.0
        return _border(lambda error: self._is_too_small(self._shrunk(error), tail), self.error, 0.0)

    def high(self, tail: float) -> float:
        """The largest error that is kept; gaps grow from t = 0, as seen, to 1, all there can be."""
        if self._is_too_large(self.gap, tail):
            return self.error
        border = _border(lambda t: self._is_too_large(self._grown(t), tail), 0.0, 1.0)
        return min(1.0, float(np.abs(self._grown(border)).sum()))

    def _is_too_small(self, gap: Floats, tail: float) -> bool:
        return _share_of(self._errors(gap) >= self.error - _SLACK) <= tail

    def _is_too_large(self, gap: Floats, tail: float) -> bool:
        return _share_of(self._errors(gap) <= self.error + _SLACK) <= tail

    def _errors(self, gap: Floats) -> Floats:
        """Observed errors (R,) of models whose true S_b / N are `gap` (B,)."""
        accuracy = (self.claim + gap / self.share).clip(0, 1)
        right = self.rng.binomial(self.count, accuracy, self.shares.shape)
        sums = np.abs(right - self.count * self.claim).sum(axis=1)
        return np.asarray(sums / self.n + self.shares @ np.abs(gap / self.share))

    def _shrunk(self, error: float) -> Floats:
        """Gaps (B,) of the given total, kept whole from the most certain down until it is full."""
        size = np.abs(self.gap)
        order = np.argsort(-size / np.sqrt(self.variance), kind="stable")
        before = np.cumsum(size[order]) - size[order]
        kept = np.empty_like(size)
        kept[order] = (error - before).clip(0, size[order])
        return np.copysign(kept, self.gap)

    def _grown(self, t: float) -> Floats:
        """Gaps (B,) that are larger by t / (1 - t) standard deviations of their sum.

        Those of the most likely model with their total: each grows by its variance, as far as an
        accuracy can, or to the other side of the claim where there is more room.
        """
        size = np.abs(self.gap)
        growth = self.variance / np.sqrt(self.variance.sum()) * t / (1 - t)
        above, below = (1 - self.claim) * self.share, self.claim * self.share
        own, other = np.where(self.gap >= 0, (above, below), (below, above))
        same = np.minimum(size + growth, own)
        turned = np.minimum(growth - size, other)
        return np.where(same >= turned, np.copysign(same, self.gap), -np.copysign(turned, self.gap))


def _share_of(hits: Flags) -> float:
    """Share of draws, the observed one counted among them."""
    return float((1 + hits.sum()) / (1 + len(hits)))


def _border(is_rejected: Callable[[float], bool], kept: float, rejected: float) -> float:
    for _ in range(_HALVINGS):
        middle = (kept + rejected) / 2
        if is_rejected(middle):
            rejected = middle
        else:
            kept = middle
    return (kept + rejected) / 2
