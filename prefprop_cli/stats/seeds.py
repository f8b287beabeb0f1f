"""Figures of several seeds: their mean and spread, and whether two methods differ.

A *sample* here is one figure per seed of one method, such as its F1, shape (n,). The seeds of two
methods are independent samples: a seed that both happen to use pairs nothing. What two methods
share is their documents; `stats.nested` resamples those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, exp, inf, lgamma, nan, sqrt
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from prefprop_cli.stats.intervals import Interval

MAX_ARRANGEMENTS = 200_000
_LARGE_T = 1e4


@dataclass(frozen=True)
class Summary:
    """Mean of n figures, their standard deviation (n - 1) and the t-interval of the mean."""

    n: int
    mean: float
    sd: float
    """NaN of one figure."""
    interval: Interval | None
    """None of one figure, or of equal ones: that they always will be cannot be told from them."""


@dataclass(frozen=True)
class WelchTest:
    """Difference of two means, first - second, tested without assuming equal variances."""

    difference: float
    interval: Interval
    t: float
    df: float
    p_value: float


@dataclass(frozen=True)
class Effect:
    """Hedges' g, the difference of two means in units of their common standard deviation."""

    g: float
    interval: Interval


@dataclass(frozen=True)
class PermutationTest:
    """The p-value of a difference of means, and how many arrangements it was counted over."""

    p_value: float
    n_arrangements: int
    exact: bool
    least: float
    """The smallest p-value there can be: 0.1 for three seeds beside three."""


def summary(
    sample: ArrayLike, *, level: float = 0.95, bounds: tuple[float, float] = (-inf, inf)
) -> Summary:
    """Summarise figures, one per seed: mean ± t(1 - (1 - level)/2; n - 1) · sd / √n.

    The interval is cut to the bounds, the least and greatest possible figure.

    Source: Student 1908.
    """
    values = np.asarray(sample, np.float64)
    n, mean = len(values), float(values.mean())
    if n == 1 or not np.ptp(values):
        return Summary(n, mean, nan if n == 1 else 0.0, None)
    sd = float(values.std(ddof=1))
    half = float(special.stdtrit(n - 1, (1 + level) / 2)) * sd / sqrt(n)
    low, high = np.clip([mean - half, mean + half], *bounds)
    return Summary(n, mean, sd, Interval(float(low), float(high), level))


def welch_test(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> WelchTest | None:
    """Test whether two methods have one mean, by Welch's two-sided t.

    None where a sample has one seed only, or neither has any spread.

    Source: Welch 1947.
    """
    x, y = (np.asarray(sample, np.float64) for sample in (first, second))
    if min(len(x), len(y)) < 2 or not (np.ptp(x) or np.ptp(y)):
        return None
    from scipy import stats  # 0.7 s that other scores do not need

    with catch_warnings():
        simplefilter("ignore", RuntimeWarning)  # one of the samples may be constant
        found = stats.ttest_ind(x, y, equal_var=False)
    low, high = map(float, found.confidence_interval(level))
    return WelchTest(
        difference=float(x.mean() - y.mean()),
        interval=Interval(low, high, level),
        t=float(found.statistic),
        df=float(found.df),
        p_value=float(found.pvalue),
    )


def hedges_g(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Effect | None:
    """Measure how many standard deviations two methods are apart, corrected for few seeds.

    g = J · (m₁ - m₂) / s, s² the pooled variance on df = n₁ + n₂ - 2, and
    J = Γ(df/2) / (√(df/2) Γ((df - 1)/2)); the ends of the interval are those non-centralities
    for which the observed t is the upper and lower quantile. All exact for normal figures of
    equal variance. None where a sample has one seed only, or neither has any spread.

    Source: Hedges 1981; Cumming & Finch 2001 for the interval.
    """
    x, y = (np.asarray(sample, np.float64) for sample in (first, second))
    n, m = len(x), len(y)
    if min(n, m) < 2 or not (np.ptp(x) or np.ptp(y)):
        return None
    df, unit = n + m - 2, sqrt(1 / n + 1 / m)
    d = float(x.mean() - y.mean()) / pooled_sd(x, y)
    correction = exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
    low, high = (
        correction * unit * _noncentrality(d / unit, df, prob=(1 + side * level) / 2)
        for side in (1, -1)
    )
    return Effect(correction * d, Interval(low, high, level))


def pooled_sd(first: ArrayLike, second: ArrayLike) -> float:
    """Pool standard deviations: √(((n₁ - 1)s₁² + (n₂ - 1)s₂²) / (n₁ + n₂ - 2)), n₁ + n₂ > 2."""
    x, y = (np.asarray(sample, np.float64) for sample in (first, second))
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in (x, y))
    return sqrt(squares / (len(x) + len(y) - 2))


def permutation_test(
    first: ArrayLike, second: ArrayLike, *, seed: int = 0
) -> PermutationTest | None:
    """Test whether the labels "first" and "second" can be swapped among the seeds.

    Twice the share of all C(n₁ + n₂, n₁) arrangements whose difference of means is at least as
    extreme as the observed one on the rarer side. Counted exactly up to 200,000 arrangements (ten
    seeds beside ten), of more on as many drawn ones. None where a sample has one seed only.

    Source: Fisher 1935.
    """
    x, y = (np.asarray(sample, np.float64) for sample in (first, second))
    if min(len(x), len(y)) < 2:
        return None
    from scipy import stats  # 0.7 s that other scores do not need

    n_arrangements = comb(len(x) + len(y), len(x))
    found = stats.permutation_test(
        (x, y),
        lambda a, b, axis: np.mean(a, axis=axis) - np.mean(b, axis=axis),
        vectorized=True,
        n_resamples=MAX_ARRANGEMENTS,
        rng=np.random.default_rng(seed),
    )
    exact = n_arrangements <= MAX_ARRANGEMENTS
    n_counted = n_arrangements if exact else MAX_ARRANGEMENTS + 1  # the observed one among them
    return PermutationTest(float(found.pvalue), n_counted, exact, min(1.0, 2 / n_counted))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct the p-values of a family of m tests for their number.

    With p₁ ≤ … ≤ p_m: p̃_i = max over j ≤ i of min(1, (m - j + 1) p_j), in the order given. Where
    every p̃ ≤ 0.05 is called a difference, the chance of any false one is at most 0.05.

    Source: Holm 1979.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(order) - np.arange(len(order))
    adjusted = np.maximum.accumulate(np.asarray(p_values, np.float64)[order] * factors).clip(max=1)
    return [float(value) for value in adjusted[np.argsort(order, kind="stable")]]


def minimum_detectable_effect(
    n_first: int, n_second: int, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Return the difference of means, in standard deviations, that a t-test finds at this power.

    d = δ √(1/n₁ + 1/n₂), δ the non-centrality at which P(T > t_crit) = power on n₁ + n₂ - 2
    degrees of freedom. The other tail of the two-sided test, below 1e-4 there, is left out. 2.02
    for five beside five seeds; NaN where a method has one seed.

    Source: Cohen 1988, chapter 2.
    """
    df = n_first + n_second - 2
    if min(n_first, n_second) < 2:
        return nan
    critical = float(special.stdtrit(df, 1 - alpha / 2))
    return _noncentrality(critical, df, prob=1 - power) * sqrt(1 / n_first + 1 / n_second)


def _noncentrality(t: float, df: int, *, prob: float) -> float:
    """The δ at which a non-central t falls below `t` with this probability."""
    scale = max(1.0, abs(t) / _LARGE_T)  # δ grows with t; the search for it hangs at 1e7
    return scale * float(special.nctdtrinc(df, prob, t / scale))
