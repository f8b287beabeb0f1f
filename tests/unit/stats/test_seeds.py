from itertools import combinations
from math import isnan, sqrt

import numpy as np
import pytest
from scipy import stats

from prefprop_cli.stats.seeds import (
    MAX_ARRANGEMENTS,
    hedges_g,
    holm,
    minimum_detectable_effect,
    permutation_test,
    summary,
    welch_test,
)

FIRST = [0.818, 0.842, 0.797, 0.825, 0.811]
SECOND = [0.753, 0.801, 0.768, 0.745, 0.790]


def test_seeds_that_are_all_alike_say_nothing_of_others():
    found = summary([0.7, 0.7, 0.7])
    assert (found.mean, found.sd, found.interval) == (pytest.approx(0.7), 0.0, None)


def test_summary_is_the_textbook_one():
    found = summary(FIRST)
    mean, error = np.mean(FIRST), stats.sem(FIRST)
    assert (found.n, found.mean) == (5, pytest.approx(mean))
    assert found.sd == pytest.approx(error * sqrt(5))
    low, high = stats.t.interval(0.9, 4, loc=mean, scale=error)
    narrower = summary(FIRST, level=0.9).interval
    assert (narrower.low, narrower.high) == (pytest.approx(low), pytest.approx(high))
    assert found.interval.low < low
    assert found.interval.level == 0.95
    cut = summary([0.1, 0.9], bounds=(0, 1)).interval
    assert (cut.low, cut.high) == (0, 1)


def test_one_seed_has_a_mean_and_no_spread():
    found = summary([0.5])
    assert (found.n, found.mean, found.interval) == (1, 0.5, None)
    assert isnan(found.sd)
    assert welch_test([0.5], FIRST) is None
    assert hedges_g(FIRST, [0.5]) is None
    assert permutation_test(FIRST, [0.5]) is None
    assert isnan(minimum_detectable_effect(1, 5))


def test_equal_figures_have_no_spread_to_test_by():
    assert welch_test([0.5, 0.5], [0.4, 0.4, 0.4]) is None
    assert hedges_g([0.5, 0.5], [0.4, 0.4, 0.4]) is None
    assert welch_test([0.5, 0.5], [0.4, 0.3]).df == pytest.approx(1)


@pytest.mark.parametrize("second", [SECOND, SECOND[:2]])
def test_welch_is_the_textbook_one(second):
    found = welch_test(FIRST, second, level=0.9)
    parts = np.array([np.var(each, ddof=1) / len(each) for each in (FIRST, second)])
    error = np.sqrt(parts.sum())
    df = parts.sum() ** 2 / (parts**2 / [len(FIRST) - 1, len(second) - 1]).sum()
    t = (np.mean(FIRST) - np.mean(second)) / error
    assert (found.t, found.df) == (pytest.approx(t), pytest.approx(df))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), df))
    half = stats.t.ppf(0.95, df) * error
    assert found.interval.high - found.difference == pytest.approx(half)
    assert found.difference - found.interval.low == pytest.approx(half)
    assert found.difference == pytest.approx(np.mean(FIRST) - np.mean(second))
    assert welch_test(second, FIRST).p_value == welch_test(FIRST, second).p_value


def test_hedges_g_takes_cohens_bias_out():
    """The factor of 8 degrees of freedom, 1 - 3/(4·8 - 1) in Hedges' approximation."""
    d = (np.mean(FIRST) - np.mean(SECOND)) / sqrt(
        (np.var(FIRST, ddof=1) + np.var(SECOND, ddof=1)) / 2
    )
    found = hedges_g(FIRST, SECOND)
    assert found.g / d == pytest.approx(1 - 3 / 31, abs=1e-3)
    assert hedges_g(SECOND, FIRST).g == pytest.approx(-found.g)
    assert hedges_g(SECOND, FIRST).interval.low == pytest.approx(-found.interval.high)


def test_ends_of_the_effect_are_where_the_observed_one_is_a_quantile():
    found = hedges_g(FIRST, SECOND, level=0.9)
    t = stats.ttest_ind(FIRST, SECOND).statistic
    factor = found.g / (t * sqrt(2 / 5))
    low, high = (end / factor / sqrt(2 / 5) for end in (found.interval.low, found.interval.high))
    assert stats.nct.sf(t, 8, low) == pytest.approx(0.05)
    assert stats.nct.cdf(t, 8, high) == pytest.approx(0.05)


def test_interval_of_the_effect_covers_it():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        found = hedges_g(rng.normal(1.5, 1, 4), rng.normal(0, 1, 6))
        hits += found.interval.low <= 1.5 <= found.interval.high
    assert 275 <= hits <= 295


def test_an_effect_without_measure_ends():
    found = hedges_g([1.0, 1.0 + 1e-12], [0.0, 1e-12])
    assert found.interval.low < found.g < found.interval.high < 1e14


def all_differences(first, second):
    both = [*first, *second]
    for chosen in combinations(range(len(both)), len(first)):
        mine = [both[i] for i in chosen]
        others = [value for i, value in enumerate(both) if i not in chosen]
        yield np.mean(mine) - np.mean(others)


@pytest.mark.parametrize("second", [SECOND, FIRST[::-1], [0.82, 0.75, 0.82]])
def test_permutation_counts_every_arrangement(second):
    observed = np.mean(FIRST) - np.mean(second)
    differences = np.array(list(all_differences(FIRST, second)))
    above = np.mean(differences >= observed - 1e-12)
    below = np.mean(differences <= observed + 1e-12)
    found = permutation_test(FIRST, second)
    assert found.p_value == pytest.approx(min(1, 2 * min(above, below)))
    assert (found.n_arrangements, found.exact) == (len(differences), True)


def test_three_seeds_beside_three_cannot_be_below_a_tenth():
    found = permutation_test([3, 4, 5], [0, 1, 2])
    assert found.p_value == pytest.approx(0.1)
    assert found.least == 0.1


def test_very_many_arrangements_are_drawn():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.8, 1, 12), rng.normal(0, 1, 12)
    found = permutation_test(first, second, seed=3)
    assert (found.n_arrangements, found.exact) == (MAX_ARRANGEMENTS + 1, False)
    assert found.p_value == permutation_test(first, second, seed=3).p_value
    assert found.p_value == pytest.approx(welch_test(first, second).p_value, abs=0.01)


def test_holm_is_that_of_r():
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.4, 0.001, 0.6]) == pytest.approx([0.8, 0.003, 0.8])
    assert holm([0.04]) == [0.04]
    assert holm([]) == []


def test_holm_rejects_step_by_step():
    rng = np.random.default_rng(0)
    p_values = (rng.random(7) / 12).tolist()
    for alpha in (0.05, 0.2):
        rejected = set()
        for step, index in enumerate(np.argsort(p_values)):
            if p_values[index] > alpha / (7 - step):
                break
            rejected.add(index)
        assert rejected
        assert {i for i, p in enumerate(holm(p_values)) if p <= alpha} == rejected


@pytest.mark.parametrize(("n", "effect"), [(5, 2.0244), (3, 3.0709)])
def test_minimum_detectable_effect(n, effect):
    assert minimum_detectable_effect(n, n) == pytest.approx(effect, abs=1e-4)


def test_power_at_the_minimum_detectable_effect():
    effect = minimum_detectable_effect(4, 7, power=0.6)
    rng = np.random.default_rng(0)
    worlds = stats.ttest_ind(rng.normal(effect, 1, (4, 4000)), rng.normal(0, 1, (7, 4000)))
    assert np.mean(worlds.pvalue < 0.05) == pytest.approx(0.6, abs=0.03)
