"""Intervals for figures that were measured on a limited number of documents.

Quantiles come from `scipy.special`: `scipy.stats` has the same numbers, and takes 0.7 s to import.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prefprop_cli.arrays import Floats, Ints

Statistics = Callable[..., Mapping[str, float]]
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Interval:
    """A confidence interval of the given level, e.g. 0.95."""

    low: float
    high: float
    level: float


@dataclass(frozen=True)
class Resampled:
    """The figures of one seed, of all documents (M,) and of each resample of them (R, M)."""

    names: tuple[str, ...]
    observed: Floats
    samples: Floats

    def __getitem__(self, name: str) -> float:
        return float(self.observed[self.names.index(name)])

    def intervals(
        self, bounds: Mapping[str, tuple[float, float]], *, level: float = 0.95
    ) -> dict[str, Interval]:
        """Find the `percentile_interval` of each figure that has bounds."""
        columns = dict(zip(self.names, self.samples.T, strict=True))
        return {
            name: percentile_interval(columns[name], self[name], level=level, bounds=ends)
            for name, ends in bounds.items()
        }


def resample_documents(
    statistics: Statistics,
    *arrays: NDArray[np.generic],
    names: Sequence[str],
    n_resamples: int = 2000,
    seed: int = 0,
) -> Resampled:
    """Compute the figures of one seed on R resamples, each of N documents drawn with replacement.

    `statistics` takes the arrays (N, …), row i of all of them being document i, or a resample of
    their rows, and returns numbers, of which those of `names` are kept. The same N and `seed` give
    the same documents, which is what pairs two methods.
    """
    rng = np.random.default_rng(seed)
    n = len(arrays[0])

    def figures(chosen: Ints | slice) -> Floats:
        found = statistics(*(array[chosen] for array in arrays))
        return np.array([found[name] for name in names])

    samples = np.array([figures(rng.integers(0, n, n)) for _ in range(n_resamples)])
    return Resampled(tuple(names), figures(slice(None)), samples)


def percentile_interval(
    samples: Floats, observed: float, *, level: float, bounds: tuple[float, float]
) -> Interval:
    """Find the percentile bootstrap interval of a statistic from its resamples (R,).

    Their quantiles are moved down by twice the bias b = mean - observed: once because resamples
    score b above the sample, once because the sample itself scores about b above the truth. For a
    mean b is 0; an ECE of few documents is far too high (n = 65: b about .02). The interval is cut
    to the bounds, the least and greatest possible value, and always holds the observed one.

    It falls a little short of `level` for skewed means of few documents, such as NLL (at n = 65:
    .92 to .94), which have `mean_interval`; and far short for an ECE of few documents or near 0,
    which has `error_interval.binned_error_interval`.

    Source: Efron & Tibshirani 1993, chapters 10 and 13.
    """
    tail = (1 - level) / 2
    bias = samples.mean() - observed
    low, high = np.clip(np.quantile(samples, [tail, 1 - tail]) - 2 * bias, *bounds)
    return Interval(min(float(low), observed), max(float(high), observed), level)


def mean_interval(
    values: Floats, *, level: float = 0.95, bounds: tuple[float, float] = (-inf, inf)
) -> Interval:
    """Find an interval of a mean of values (N,) that may be skewed, such as a Brier score or NLL.

    mean + s/√n (k (1 + 2t²) ± t), with s the standard deviation, k = skewness / (6√n) and t the
    quantile of n - 1 degrees of freedom: Student's interval, moved towards the longer tail. It
    takes no resampling; coverage at n = 65 is .94 to .96 (`benchmarks/coverage.json`).

    It is cut to the bounds, the least and greatest possible mean, and is them where there is one
    value, of which nothing can be said.

    Source: Johnson 1978; Hall 1983 for the quadratic term.
    """
    n, mean = len(values), float(values.mean())
    if n == 1:
        return Interval(*bounds, level)
    sd = float(values.std(ddof=1))
    if sd <= _ROUNDING * abs(mean):  # equal values, of which rounding would make a skewness
        return Interval(mean, mean, level)
    gaps = values - mean
    skewness = float(np.mean(gaps**2 * gaps) / np.mean(gaps**2) ** 1.5)
    k = skewness / (6 * sqrt(n))
    t = float(special.stdtrit(n - 1, (1 + level) / 2))
    low, high = (mean + sd / sqrt(n) * (k * (1 + 2 * t**2) + side * t) for side in (-1, 1))
    return Interval(max(min(low, mean), bounds[0]), min(max(high, mean), bounds[1]), level)


def wilson_interval(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Find the Wilson score interval of a share p, such as accuracy; sensible at 0 and n, too.

    (2np + z² ± z √(z² + 4np (1 - p))) / (2 (n + z²)), z the normal quantile.

    Source: Wilson 1927; Newcombe 1998, method 3.
    """
    share, z = successes / n, float(special.ndtri(0.5 + 0.5 * level))
    whole = 2 * (n + z**2)
    centre = (2 * n * share + z**2) / whole
    reach = z / whole * sqrt(4 * n * share * (1 - share) + z**2)
    low = centre - reach if successes else 0.0
    return Interval(low, centre + reach if successes < n else 1.0, level)


def binomial_quantile(prob: float, n: int, chance: float) -> int:
    """Return the least count of n that a binomial does not exceed with this probability."""
    return int(np.searchsorted(special.bdtr(np.arange(n + 1), n, chance), prob))
