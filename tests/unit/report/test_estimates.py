"""Where reports give no interval, and why; the figures themselves are in `test_scores.py`."""

import numpy as np
import pytest

from prefprop_cli.report.scores import difference, estimates_of
from prefprop_cli.stats.small_samples import shares
from tests.helpers import finished


@pytest.fixture
def variant_of(tmp_path):
    """A variant of so many seeds on so many documents."""

    def variant(n_seeds, n, quality=1.0, method="prefix-tuning"):
        folder = tmp_path / f"{method}-{n}-{n_seeds}-{quality}"
        for seed in range(n_seeds):
            config = finished.config(method)
            finished.write(folder / str(seed), config, n=n, seed=seed, quality=quality)
        return finished.scored_in(folder).variants[0]

    return variant


def test_one_seed_has_the_intervals_of_eval_for_shares(variant_of):
    variant = variant_of(1, 12)
    stated = shares(variant.seeds[0].answers)
    for name in ("accuracy", "f1_binary", "precision_binary", "recall_binary"):
        assert variant.estimates[name].overall == stated[name]
        assert variant.estimates[name].why == ""


def test_of_few_documents_several_seeds_have_none(variant_of):
    estimates = variant_of(3, 12).estimates
    assert estimates["f1_binary"].why == "6 positive documents, at least 10 are needed"
    assert estimates["nll"].why == "12 documents, at least 20 are needed"
    for name in ("f1_binary", "nll"):
        assert estimates[name].overall is None
    assert estimates["ece"].overall.low < estimates["ece"].overall.high


def test_of_enough_documents_they_have_one(variant_of):
    for each in estimates_of(variant_of(3, 60, quality=0.5).seeds).values():
        assert each.why == ""
        assert each.overall.low < each.seeds.mean < each.overall.high


def test_seeds_that_are_always_right_have_none(variant_of):
    estimates = variant_of(2, 60, quality=9.0).estimates
    assert estimates["accuracy"].seeds.mean == 1
    assert estimates["accuracy"].seeds.interval is None
    assert estimates["accuracy"].overall is None
    assert estimates["accuracy"].why.startswith("0 wrong documents")


def test_a_difference_or_why_there_is_none(variant_of):
    first, second = variant_of(2, 60, 0.4).seeds, variant_of(2, 60, 1.6, "prefix-propagation").seeds
    found = difference(first, second, "accuracy")
    assert found.interval.low < found.value < found.interval.high < 0
    assert found.value == pytest.approx(
        np.mean([s["accuracy"] for s in first]) - np.mean([s["accuracy"] for s in second])
    )
    assert difference(first, first, "accuracy").startswith("the two differ on 0 of 60")
    assert difference(first, first[::-1], "accuracy").startswith("the two differ on 0 of 60")
    assert difference(first[:1], first[:1], "nll") == "the two do not differ at all"
