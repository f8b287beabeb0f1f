from dataclasses import replace
from math import isnan

import pytest

from prefprop_cli.report.comparisons import compare, compare_order, reference
from prefprop_cli.stats.seeds import (
    hedges_g,
    holm,
    minimum_detectable_effect,
    permutation_test,
    pooled_sd,
    welch_test,
)
from tests.helpers import finished


def variant(scored, name):
    return next(each for each in scored.variants if each.name == name)


def test_propagation_beside_another_method(scored):
    ((found, _),) = compare([scored])
    mine = variant(scored, "prefix-propagation").values("f1_binary")
    theirs = variant(scored, "prefix-tuning").values("f1_binary")
    assert (found.first, found.second, found.n) == ("prefix-propagation", "prefix-tuning", (4, 3))
    assert found.welch == welch_test(mine, theirs)
    assert found.effect == hedges_g(mine, theirs)
    assert found.permutation == permutation_test(mine, theirs)
    assert found.difference == pytest.approx(found.welch.difference)
    assert found.interval.low < found.difference < found.interval.high
    assert found.detectable_sd == minimum_detectable_effect(4, 3)
    assert found.detectable == found.detectable_sd * pooled_sd(mine, theirs)
    assert found.verdict == "better"


def test_one_seed_cannot_be_tested(scored):
    ((_, found),) = compare([scored])
    assert (found.second, found.n) == ("fine-tuning", (4, 1))
    assert (found.welch, found.effect, found.permutation, found.p_holm) == (None,) * 4
    assert isnan(found.detectable_sd)
    assert found.verdict == "cannot be told"
    assert found.interval.low < found.difference < found.interval.high


def test_holm_is_over_all_sets(scored):
    sets = compare([scored, scored, scored])
    p_values = [c.welch.p_value for comparisons in sets for c in comparisons if c.welch]
    assert len(p_values) == 3
    found = [c.p_holm for comparisons in sets for c in comparisons if c.welch]
    assert found == holm(p_values)


@pytest.mark.parametrize(
    ("metric", "difference", "p_holm", "verdict"),
    [
        ("f1_micro", 0.1, 0.01, "better"),
        ("f1_micro", -0.1, 0.01, "worse"),
        ("ece", 0.1, 0.01, "worse"),
        ("ece", -0.1, 0.01, "better"),
        ("ece", -0.1, 0.06, "no difference shown"),
    ],
)
def test_verdict(scored, metric, difference, p_holm, verdict):
    ((found, _),) = compare([scored])
    changed = replace(found, metric=metric, difference=difference, p_holm=p_holm)
    assert changed.verdict == verdict


def test_another_metric(scored):
    ((found, _),) = compare([scored], metric="ece")
    assert found.metric == "ece"
    mine = variant(scored, "prefix-propagation").values("ece")
    assert found.welch == welch_test(mine, variant(scored, "prefix-tuning").values("ece"))


def test_the_reference_has_the_settings_of_the_others(tmp_path):
    finished.write(tmp_path / "a", finished.config(train={"weight_decay": 0.1}))
    finished.write(tmp_path / "b", finished.config())
    finished.write(tmp_path / "c", finished.config("prefix-tuning"))
    found = finished.scored_in(tmp_path)
    assert reference(found.variants).settings["train.weight_decay"] == 0.0
    assert [c.second for c in compare([found])[0]] == [
        "prefix-tuning",
        "prefix-propagation (weight_decay = 0.1)",
    ]


def test_without_propagation_there_is_nothing_to_compare(tmp_path):
    finished.write(tmp_path / "c", finished.config("prefix-tuning"))
    finished.write(tmp_path / "d", finished.config("prefix-propagation", method={"kernel": "exp"}))
    found = finished.scored_in(tmp_path)
    assert reference(found.variants) is None
    assert compare([found]) == [[]]
    assert compare_order(found, "f1_binary") is None


def test_where_the_order_differs_from_the_papers(scored):
    found = compare_order(scored, "f1_binary")
    assert found.ours == ("fine-tuning", "prefix-propagation", "prefix-tuning")
    assert found.paper == ("prefix-propagation", "fine-tuning", "prefix-tuning")
    assert found.reversed == (("fine-tuning", "prefix-propagation"),)
    by_error = compare_order(scored, "ece_paper")
    assert by_error.paper == ("prefix-propagation", "fine-tuning", "prefix-tuning")
    errors = {each.name: each.estimates["ece_paper"].seeds.mean for each in scored.variants}
    assert by_error.ours == tuple(sorted(errors, key=errors.get))


def test_a_method_with_two_variants_stands_with_its_best(tmp_path):
    finished.write(tmp_path / "a", finished.config(train={"weight_decay": 0.1}), quality=0.3)
    finished.write(tmp_path / "b", finished.config(), quality=2.0)
    finished.write(tmp_path / "c", finished.config("prefix-tuning"), quality=1.0)
    found = compare_order(finished.scored_in(tmp_path), "f1_binary")
    assert found.ours == ("prefix-propagation", "prefix-tuning")
    assert found.reversed == ()


def test_seeds_are_not_tested_on_documents_that_are_too_few(tmp_path):
    """Three seeds beside three on twelve documents, as far apart as they are: no verdict."""
    for method, quality in (("prefix-propagation", 3.0), ("prefix-tuning", 0.6)):
        for seed in range(3):
            config = finished.config(method)
            finished.write(tmp_path / f"{method}-{seed}", config, quality=quality, seed=seed, n=12)
    scored = finished.scored_in(tmp_path)
    for metric in ("f1_binary", "accuracy", "nll"):
        ((found,),) = compare([scored], metric=metric)
        assert found.difference
        assert found.why.endswith("are needed")
        assert (found.interval, found.p_paired, found.p_holm) == (None, None, None)
        assert (found.welch, found.effect, found.permutation) == (None, None, None)
        assert found.verdict == "cannot be told"
    ((found,),) = compare([scored], metric="ece")
    assert found.interval.low < found.difference < found.interval.high
