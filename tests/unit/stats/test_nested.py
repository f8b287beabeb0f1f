import numpy as np
import pytest
from scipy import stats

from prefprop_cli.calibration.metrics import scores_and_terms
from prefprop_cli.stats.intervals import Resampled, resample_documents
from prefprop_cli.stats.nested import nested_differences
from prefprop_cli.tasks.metrics import ClassMetrics

FREE = {"mean": (-np.inf, np.inf)}


def mean(values):
    return {"mean": float(values.mean()), "largest": float(values.max())}


def resampled(values, **options):
    return resample_documents(mean, np.asarray(values), names=["mean"], **options)


def interval(first, second=()):
    return nested_differences(first, second, bounds=FREE)["mean"].interval


def width(found):
    return found.high - found.low


def test_of_one_seed_it_is_the_bootstrap_over_documents():
    values = np.random.default_rng(0).normal(size=80)
    drawn = resampled(values, seed=4)
    found = nested_differences([drawn], bounds=FREE)
    assert found["mean"].interval == drawn.intervals(FREE)["mean"]


def test_of_two_methods_it_is_paired_by_document():
    """Documents differ by 10, methods by 1 in each of them: the difference is sure."""
    rng = np.random.default_rng(0)
    hardness = rng.normal(0, 10, 200)
    first, second = hardness + 1, hardness
    found = nested_differences([resampled(first)], [resampled(second)], bounds=FREE)[
        "mean"
    ].interval
    assert found.low == pytest.approx(1)
    assert found.high == pytest.approx(1)


def test_the_spread_is_that_of_seeds_and_documents():
    """Seed effects a_s and document effects b_i: variance var(a)/n as drawn, plus var(b)/N."""
    rng = np.random.default_rng(1)
    seeds, documents = rng.normal(0, 1, 5), rng.normal(0, 8, 100)
    found = nested_differences([resampled(documents + a) for a in seeds], bounds=FREE)[
        "mean"
    ].interval
    variance = seeds.var() / 5 + documents.var() / 100
    assert width(found) == pytest.approx(2 * 1.96 * np.sqrt(variance), rel=0.07)
    assert found.low < documents.mean() + seeds.mean() < found.high


def test_seeds_of_two_methods_are_drawn_independently():
    values = np.zeros(10)
    first = [resampled(values + a) for a in (0.0, 1.0)]
    found = interval(first, first)
    assert (found.low, found.high) == (pytest.approx(-1, abs=0.1), pytest.approx(1, abs=0.1))


def test_a_difference_has_the_interval_and_the_p_value_of_its_resamples():
    """Of means it is the paired z-test, so nearly."""
    rng = np.random.default_rng(0)
    second = rng.normal(size=400)
    first = second + rng.normal(0.05, 0.5, 400)
    pair = [resampled(first)], [resampled(second)]
    found = nested_differences(*pair, bounds=FREE)["mean"]
    apart = first - second
    assert found.value == pytest.approx(apart.mean())
    z = apart.mean() / (apart.std() / np.sqrt(400))
    assert 0.005 < found.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.25)
    other_way = nested_differences(*pair[::-1], bounds=FREE)["mean"]
    assert (other_way.value, other_way.p_value) == (-found.value, found.p_value)


@pytest.mark.parametrize(("shift", "p_value"), [(0.0, 1.0), (1.0, 2 / 2001), (-1.0, 2 / 2001)])
def test_the_p_value_of_none_and_of_all_resamples(shift, p_value):
    values = np.random.default_rng(0).normal(size=50)
    found = nested_differences([resampled(values + shift)], [resampled(values)], bounds=FREE)
    assert found["mean"].p_value == pytest.approx(p_value)


@pytest.mark.parametrize("seed", range(4))  # of which some have a bias below 0, others above
@pytest.mark.parametrize(("n_apart", "least"), [(1, 0.6), (3, 0.07)])
def test_level_resamples_speak_for_neither(n_apart, least, seed):
    """One way in all documents that differ, which (1 - k/n)^n of resamples do not have."""
    first, second = np.ones(60), np.ones(60)
    second[:n_apart] = 0
    pair = ([resampled(values, seed=seed)] for values in (first, second))
    found = nested_differences(*pair, bounds=FREE)["mean"]
    level = (1 - n_apart / 60) ** 60
    assert least < found.p_value == pytest.approx(2 * level, rel=0.25)
    assert found.interval.low <= 0 < found.value < found.interval.high


def test_the_p_value_is_corrected_for_bias_as_the_interval_is():
    """Resamples of an error that is .3 score .6: there is as much again in it that is bias."""
    samples = np.random.default_rng(0).normal(0.6, 0.1, (2000, 1))
    biased = Resampled(("mean",), np.array([0.3]), samples)
    nothing = Resampled(("mean",), np.zeros(1), np.zeros((2000, 1)))
    found = nested_differences([biased], [nothing], bounds=FREE)["mean"]
    assert found.interval.low < 0
    assert found.p_value > 0.9


def test_resamples_are_seeded_and_bounded():
    values = np.random.default_rng(0).random(30)
    one, same, other = (resampled(values, seed=seed).samples for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    found = nested_differences([resampled(values)], bounds={"mean": (0.5, 0.6)})["mean"].interval
    assert (found.low, found.high) == (0.5, 0.6)


def test_any_metric_of_logits_and_labels():
    rng = np.random.default_rng(0)
    logits, labels = 2 * rng.normal(size=(60, 3)), rng.integers(0, 3, 60)
    scores, terms = scores_and_terms(logits, labels, metrics=ClassMetrics(3), n_bins=15)
    found = resample_documents(scores, *terms, names=["f1_macro", "ece"], n_resamples=20)
    assert found["ece"] == scores(*terms)["ece"]
    assert found.samples.shape == (20, 2)
    drawn = np.random.default_rng(0).integers(0, 60, 60)
    again, terms = scores_and_terms(
        logits[drawn], labels[drawn], metrics=ClassMetrics(3), n_bins=15
    )
    assert found.samples[0].tolist() == [again(*terms)[name] for name in ("f1_macro", "ece")]
