import numpy as np
import pytest
from scipy import stats

from prefprop_cli.stats.intervals import (
    binomial_quantile,
    mean_interval,
    resample_documents,
    wilson_interval,
)


def bootstrap_interval(statistic, *arrays, bounds=(-np.inf, np.inf), level=0.95, **draws):
    drawn = resample_documents(lambda *rows: {"": statistic(*rows)}, *arrays, names=[""], **draws)
    return drawn.intervals({"": bounds}, level=level)[""]


def calibration_gap(index, gap):
    return float(np.abs(np.bincount(index, gap, 15)).sum() / len(index))


def test_interval_of_a_mean_is_the_textbook_one():
    sample = np.random.default_rng(1).normal(5, 2, 400)
    found = bootstrap_interval(np.mean, sample)
    half = 1.96 * sample.std() / np.sqrt(400)
    assert found.low == pytest.approx(sample.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(sample.mean() + half, abs=0.1 * half)
    assert found.level == 0.95


def test_level_sets_the_width():
    sample = np.random.default_rng(1).normal(size=400)
    wide, narrow = (bootstrap_interval(np.mean, sample, level=level) for level in (0.99, 0.5))
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert ratio == pytest.approx(stats.norm.ppf(0.995) / stats.norm.ppf(0.75), rel=0.1)


def test_rows_of_all_arrays_stay_together():
    first = np.arange(50.0)
    found = bootstrap_interval(lambda a, b: float(np.abs(b - 2 * a).max()), first, 2 * first)
    assert (found.low, found.high) == (0.0, 0.0)


def test_resamples_are_seeded():
    sample = np.random.default_rng(0).normal(size=30)
    first, same, other = (bootstrap_interval(np.mean, sample, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert first != other


def test_bounds_and_the_observed_value_are_kept():
    right = np.array([1.0] * 64 + [0.0])
    found = bootstrap_interval(np.mean, right, bounds=(0, 1))
    assert found.low <= right.mean() <= found.high <= 1
    distinct = bootstrap_interval(lambda x: float(len(np.unique(x))), np.arange(20))
    assert distinct.low == 20 < distinct.high  # resamples have about 13, the shift leads above 20
    always = bootstrap_interval(np.mean, np.ones(9), bounds=(0, 1))
    assert (always.low, always.high) == (1.0, 1.0)


def test_several_statistics_share_the_resamples():
    sample = np.random.default_rng(0).normal(size=40)
    bounds = {"mean": (-9, 9), "double": (-9, 9)}
    drawn = resample_documents(
        lambda x: {"mean": x.mean(), "double": 2 * x.mean()}, sample, names=[*bounds]
    )
    both = drawn.intervals(bounds)
    assert both["double"].low == pytest.approx(2 * both["mean"].low)
    assert both["mean"] == bootstrap_interval(np.mean, sample)


def test_bias_of_a_calibration_error_is_taken_out():
    """Confidence .05 too high in every bin: true ECE .05, its estimate from 65 documents .097.

    The interval holds the truth in most of 100 worlds; the plain quantiles would in about 30.
    """
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        confidence = 0.5 + 0.5 * rng.beta(4, 1.5, 65)
        right = rng.random(65) < confidence - 0.05
        index = np.ceil(confidence * 15).astype(int) - 1
        found = bootstrap_interval(
            calibration_gap, index, right - confidence, n_resamples=200, bounds=(0, 1)
        )
        hits += found.low <= 0.05 <= found.high
    assert hits >= 80


def test_of_values_without_skew_the_interval_of_a_mean_is_students():
    values = np.array([1.0, 2.0, 4.0, 6.0, 7.0])
    low, high = stats.t.interval(0.9, 4, loc=4, scale=stats.sem(values))
    found = mean_interval(values, level=0.9)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert found.level == 0.9


def test_the_interval_of_a_skewed_mean_holds_it_more_often_than_students():
    """Losses of 65 documents, exponential: Student's lies below the mean in 5 % of worlds."""
    worlds = np.random.default_rng(0).exponential(size=(2000, 65))
    found = [mean_interval(world) for world in worlds]
    below, above = (
        np.mean(ends) for ends in zip(*((e.high < 1, e.low > 1) for e in found), strict=True)
    )
    half = stats.t.ppf(0.975, 64) * worlds.std(axis=1, ddof=1) / np.sqrt(65)
    students_below = np.mean(worlds.mean(axis=1) + half < 1)
    assert students_below > 0.04
    assert below < 0.75 * students_below
    assert 1 - below - above >= stats.binom.ppf(0.001, 2000, 0.94) / 2000


def test_the_interval_of_a_mean_is_bounded_and_holds_it():
    few = mean_interval(np.array([0.0, 0.0, 0.0, 2.0]), bounds=(0, 2))
    assert (few.low, few.high) == (0, 2)
    alone = mean_interval(np.array([0.7]), bounds=(0, 2))
    assert (alone.low, alone.high) == (0, 2)
    same = mean_interval(np.full(5, 0.25), bounds=(0, 2))
    assert (same.low, same.high) == (0.25, 0.25)
    outlier = mean_interval(np.repeat([0.0, 1.0], [999, 1]), level=0.9999)
    assert outlier.low == pytest.approx(0.001)
    assert outlier.high > 0.004


@pytest.mark.parametrize(("successes", "n"), [(8, 10), (64, 65), (1, 500)])
def test_wilson_solves_the_score_equation(successes, n):
    """Its ends are the shares p with |share - p| = z sqrt(p(1 - p) / n)."""
    found = wilson_interval(successes, n)
    for p in (found.low, found.high):
        z = abs(successes / n - p) / np.sqrt(p * (1 - p) / n)
        assert z == pytest.approx(1.959964, abs=1e-5)
    assert found.low < successes / n < found.high


@pytest.mark.parametrize(("successes", "low", "high"), [(0, 0.0, 0.2775), (10, 0.7225, 1.0)])
def test_wilson_at_none_and_all_of_ten(successes, low, high):
    found = wilson_interval(successes, 10)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@pytest.mark.parametrize("n", [1, 2, 7, 40, 333])
def test_shares_have_the_intervals_of_scipy(n):
    for successes in range(n + 1):
        theirs = stats.binomtest(successes, n)
        wilson = theirs.proportion_ci(0.9, method="wilson")
        found = wilson_interval(successes, n, level=0.9)
        assert (found.low, found.high) == (wilson.low, wilson.high)


@pytest.mark.parametrize("n", [1, 2, 7, 40, 333, 5000])
def test_binomial_quantiles_are_those_of_scipy(n):
    for chance in (0.0, 1e-9, *np.random.default_rng(n).random(100), 1 - 1e-9, 1.0):
        for prob in (0.025, 0.5, 0.975):
            assert binomial_quantile(prob, n, chance) == stats.binom.ppf(prob, n, chance)


@pytest.mark.parametrize("n", [2, 3, 65, 1000])
def test_interval_of_a_skewed_mean_has_the_skewness_and_quantile_of_scipy(n):
    values = np.random.default_rng(n).exponential(size=n)
    found = mean_interval(values)
    k = stats.skew(values) / (6 * np.sqrt(n))
    t = stats.t.ppf(0.975, n - 1)
    ends = (values.mean() + values.std(ddof=1) / np.sqrt(n) * k * (1 + 2 * t**2)) + np.array(
        [-1, 1]
    ) * values.std(ddof=1) / np.sqrt(n) * t
    low, high = min(ends[0], values.mean()), max(ends[1], values.mean())
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-13)
