"""The interval of a binned calibration error, by inverting a test.

    ECE = sum_b |S_b| / N,    S_b = sum over the documents of bin b of (right - claimed)

Chance pushes |S_b| up wherever a bin is nearly right. So the error of a sample lies above the true
one, by how much depends on gaps nobody knows, and 0 is a border the truth may stand on. Resampled
documents repeat that bias and show nothing of it. The question is turned round instead: which true
errors would give what was seen? A true error is kept unless the observed one lies in a tail of
what models with that error get; 0 is kept exactly where the null of consistency resampling is not
rejected.

One number is no model: its gaps b have to be chosen, so that what they leave free makes the test
no easier. For a smaller error, the bins that are most certainly off keep their gaps and all others
have none (chance adds most to those). For a larger one, gaps grow by what is most likely.

Axes: N documents, B bins that hold documents, R draws.
"""

from collections.abc import Callable
from dataclasses import dataclass

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
    """Interval of the true error sum_b |E[gap 1(bin b)]| of which sum_b |S_b| / N is an estimate.

    At level .95 it covers the true error in 93 to 99 of 100 worlds, from 65 documents on
    (`benchmarks/coverage.json`). Where gaps are alike in many bins it is wider than it need be: it
    allows for a sharp one. 0 can be missed on one side only, in 3.5 of 100 worlds.

    The observed error is always inside: where it is above all true errors that are kept, because
    even a calibrated model would get more by chance, the interval is stretched up to it. The time
    it takes does not depend on N: the documents of a bin are drawn together, each right with the
    same probability.

    Args:
        index: (N,), the bin of each document; any bins, such as those of `top_label_gaps`.
        gap: (N,), right (1 or 0) - the accuracy claimed for the document, in (0, 1].
        n_resamples: R, draws behind each test; some 20 tests make an interval. With fewer than
            2 / (1 - level) nothing can be rejected, and the interval is as long as can be.
        seed: of the draws.
        level: nominal coverage.

    Source: consistency resampling, Bröcker & Smith 2007, is the test of 0; hybrid resampling over
    a family of one parameter, Chuang & Lai 2000, the others.
    """
    tests = _Tests(_Bins.of(index, gap), np.random.default_rng(seed), n_resamples)
    low, high = _low(tests, _LOW_TAIL * (1 - level)), _high(tests, _HIGH_TAIL * (1 - level))
    return Interval(low, high, level)


def corrected_error(index: Ints, gap: Floats, *, n_resamples: int = 2000, seed: int = 0) -> float:
    """The true error of models of which every other one gets the observed error, or more.

    In [0, observed error]; 0 where a calibrated model gets as much in half of all cases. What
    chance may have added is taken for chance: where gaps are alike in many bins, and documents
    few, it is too low. Arguments are those of `binned_error_interval`.
    """
    return _low(_Tests(_Bins.of(index, gap), np.random.default_rng(seed), n_resamples), 0.5)


@dataclass(frozen=True)
class _Bins:
    """Bins that hold documents: how many (B,), the mean of their claims, and S_b / N."""

    count: Ints
    claim: Floats
    gap: Floats

    @classmethod
    def of(cls, index: Ints, gap: Floats) -> "_Bins":
        places = np.unique(index, return_inverse=True)[1]
        count = np.bincount(places)
        total = np.bincount(places, gap)
        right = np.bincount(places, gap >= 0)  # a claim is above 0: only the right have no less
        return cls(count, ((right - total) / count).clip(0, 1), total / len(gap))

    @property
    def n(self) -> int:
        return int(self.count.sum())

    @property
    def share(self) -> Floats:
        return self.count / self.n

    @property
    def error(self) -> float:
        return float(np.abs(self.gap).sum())

    @property
    def variance(self) -> Floats:
        """Of `gap`, by the rule of succession: a bin of documents that are all right has some."""
        right = self.count * self.claim + self.n * self.gap
        accuracy = (right + 1) / (self.count + 2)
        return accuracy * (1 - accuracy) * self.count / self.n**2


class _Tests:
    """Tests of whether models with given gaps get an error like the observed one."""

    def __init__(self, bins: _Bins, rng: np.random.Generator, n_resamples: int) -> None:
        self.bins, self.rng = bins, rng
        drawn = rng.multinomial(bins.n, bins.share, n_resamples)
        self.shares = drawn / bins.n - bins.share  # (R, B): other documents, other shares

    def errors(self, gap: Floats) -> Floats:
        """Observed errors (R,) of models whose true S_b / N are `gap` (B,)."""
        bins = self.bins
        accuracy = (bins.claim + gap / bins.share).clip(0, 1)
        right = self.rng.binomial(bins.count, accuracy, self.shares.shape)
        sums = np.abs(right - bins.count * bins.claim).sum(axis=1)
        found: Floats = sums / bins.n + self.shares @ np.abs(gap / bins.share)
        return found

    def is_too_small(self, gap: Floats, tail: float) -> bool:
        return _share_of(self.errors(gap) >= self.bins.error - _SLACK) <= tail

    def is_too_large(self, gap: Floats, tail: float) -> bool:
        return _share_of(self.errors(gap) <= self.bins.error + _SLACK) <= tail


def _share_of(hits: Flags) -> float:
    """Share of draws, the observed one counted among them."""
    return float((1 + hits.sum()) / (1 + len(hits)))


def _low(tests: _Tests, tail: float) -> float:
    bins = tests.bins
    if not tests.is_too_small(np.zeros_like(bins.gap), tail):
        return 0.0
    return _border(lambda error: tests.is_too_small(_shrunk(bins, error), tail), bins.error, 0.0)


def _high(tests: _Tests, tail: float) -> float:
    """The largest error that is kept; gaps grow from t = 0, as seen, to t = 1, all there can be."""
    bins = tests.bins
    if tests.is_too_large(bins.gap, tail):
        return bins.error
    border = _border(lambda t: tests.is_too_large(_grown(bins, t), tail), 0.0, 1.0)
    return min(1.0, float(np.abs(_grown(bins, border)).sum()))


def _border(is_rejected: Callable[[float], bool], kept: float, rejected: float) -> float:
    for _ in range(_HALVINGS):
        middle = (kept + rejected) / 2
        if is_rejected(middle):
            rejected = middle
        else:
            kept = middle
    return (kept + rejected) / 2


def _shrunk(bins: _Bins, error: float) -> Floats:
    """Gaps (B,) of the given total, kept whole from the most certain down until it is reached."""
    size = np.abs(bins.gap)
    order = np.argsort(-size / np.sqrt(bins.variance), kind="stable")
    before = np.cumsum(size[order]) - size[order]
    kept = np.empty_like(size)
    kept[order] = (error - before).clip(0, size[order])
    return np.copysign(kept, bins.gap)


def _grown(bins: _Bins, t: float) -> Floats:
    """Gaps (B,) that are larger by t / (1 - t) standard deviations of their sum.

    Those of the most likely model with their total: each grows by its variance, as far as an
    accuracy can, or to the other side of the claim where there is more room.
    """
    size, growth = np.abs(bins.gap), bins.variance / np.sqrt(bins.variance.sum()) * t / (1 - t)
    above, below = (1 - bins.claim) * bins.share, bins.claim * bins.share
    own, other = np.where(bins.gap >= 0, (above, below), (below, above))
    same = np.minimum(size + growth, own)
    turned = np.minimum(growth - size, other)
    return np.where(same >= turned, np.copysign(same, bins.gap), -np.copysign(turned, bins.gap))
