import numpy as np
import pytest

from prefprop_cli.calibration.error_difference import error_difference
from prefprop_cli.calibration.error_interval import binned_error_interval, corrected_error


def width(found):
    return found.interval.high - found.interval.low


def in_one_bin(gap):
    return np.zeros(len(gap), int), gap


def test_of_clear_errors_it_is_the_paired_interval_of_a_mean():
    """In one bin and far from 0 an error is a mean of gaps, and a difference one of differences."""
    rng = np.random.default_rng(0)
    luck, own = rng.random(4000), rng.random(4000) < 0.3
    first = (luck < 0.5) - 0.8
    second = (np.where(own, rng.random(4000), luck) < 0.6) - 0.75
    found = error_difference([in_one_bin(first)], [in_one_bin(second)])
    difference = second - first  # both claim too much: the error is minus the mean
    assert found.value == pytest.approx(difference.mean())
    half = 1.96 * difference.std() / np.sqrt(4000)
    assert half < 0.75 * 1.96 * np.hypot(first.std(), second.std()) / np.sqrt(4000)
    assert found.interval.low == pytest.approx(found.value - half, abs=0.1 * half)
    assert found.interval.high == pytest.approx(found.value + half, abs=0.1 * half)
    assert found.p_value < 1e-6


def test_a_method_beside_itself():
    rng = np.random.default_rng(0)
    mine = rng.integers(0, 5, 200), rng.normal(0, 0.3, 200)
    found = error_difference([mine], [mine], n_resamples=200)
    assert (found.value, found.p_value) == (0, 1)
    assert found.interval.low <= 0 <= found.interval.high


def test_the_other_way_round_is_minus_this():
    rng = np.random.default_rng(1)
    first = [in_one_bin((rng.random(300) < 0.5) - 0.8) for _ in range(2)]
    second = [in_one_bin((rng.random(300) < 0.6) - 0.7) for _ in range(3)]
    one, other = error_difference(first, second), error_difference(second, first)
    assert other.value == pytest.approx(-one.value)
    assert other.interval.low == pytest.approx(-one.interval.high)
    assert other.interval.high == pytest.approx(-one.interval.low)
    assert other.p_value == pytest.approx(one.p_value)


def test_one_seed_beside_one_by_hand():
    """Independent documents of two bins: ends by Zou and Donner's formula without correlation."""
    rng = np.random.default_rng(2)
    index = np.repeat([0, 1], 100)
    first, second = ((rng.random(200) < share) - 0.8 for share in (0.5, 0.75))
    sign = [np.sign(np.bincount(index, gap))[index] for gap in (first, second)]
    r = np.corrcoef(sign[0] * first, sign[1] * second)[0, 1]
    ends = []
    for gap in (first, second):
        interval, middle = binned_error_interval(index, gap), corrected_error(index, gap)
        ends.append((middle - interval.low, middle, interval.high - middle))
    (a, x, b), (c, y, d) = ends
    found = error_difference([(index, first)], [(index, second)])
    assert found.interval.low == pytest.approx(x - y - np.sqrt(a * a + d * d - 2 * r * a * d))
    assert found.interval.high == pytest.approx(x - y + np.sqrt(b * b + c * c - 2 * r * b * c))


def test_seeds_that_differ_make_it_longer():
    """Errors of .1 and .5, mean .3: a standard deviation of .28 over seeds, of the mean .2."""
    sure = in_one_bin(np.full(2000, -0.3))
    rng = np.random.default_rng(0)
    apart = [in_one_bin((rng.random(2000) < share) - 0.9) for share in (0.8, 0.4)]
    found = error_difference(apart, [sure])
    assert found.interval.high - found.value == pytest.approx(1.96 * 0.2, rel=0.1)
    assert found.p_value > 0.5


def test_of_one_seed_alone_it_is_its_interval():
    rng = np.random.default_rng(4)
    index = rng.integers(0, 4, 300)
    gap = (rng.random(300) < 0.5) - rng.uniform(0.5, 1, 300)
    found, interval = error_difference([(index, gap)]), binned_error_interval(index, gap)
    assert found.interval.low == pytest.approx(interval.low)
    assert found.interval.high == pytest.approx(interval.high)


def test_seeds_that_may_all_be_calibrated_may_be_so_together():
    """64 of 100 right, 70 claimed, in four seeds with luck of their own: chance pushes all up."""
    rng = np.random.default_rng(0)
    gap = np.repeat([0.3, -0.7], [64, 36])
    alone = binned_error_interval(*in_one_bin(gap))
    middle = corrected_error(*in_one_bin(gap))
    assert alone.low == 0 < middle
    found = error_difference([in_one_bin(rng.permutation(gap)) for _ in range(4)]).interval
    assert found.low == 0
    assert found.high - middle == pytest.approx((alone.high - middle) / 2, rel=0.15)


def test_documents_that_are_all_alike_have_no_correlation_and_do_no_harm():
    found = error_difference([in_one_bin(np.full(50, 0.1))], [in_one_bin(np.full(50, -0.5))])
    assert found.value == pytest.approx(-0.4)
    assert -1 <= found.interval.low < -0.4 < found.interval.high < 0
    assert found.p_value < 0.01


def test_it_holds_the_truth_where_the_paired_bootstrap_does_not():
    """A calibrated model beside one that is .15 too sure: bias in one, hardly any in the other.

    The bootstrap's interval holds the true difference in about half of these 100 worlds.
    """
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(100):
        confidence, luck = rng.uniform(0.2, 1, 150), rng.random(150)
        index = np.ceil(confidence * 15).astype(int) - 1
        first, second = ((luck < confidence - gap) - confidence for gap in (0.15, 0))
        found = error_difference(
            [(index, first)], [(index, second)], n_resamples=100, seed=seed
        ).interval
        hits += found.low <= 0.15 <= found.high
    assert hits >= 88
