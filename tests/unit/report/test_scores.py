from dataclasses import replace

import numpy as np
import pytest

from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.experiment.stored_logits import load_logits, save_logits
from prefprop_cli.report import scores
from prefprop_cli.report.collect import collect
from prefprop_cli.report.groups import group
from prefprop_cli.report.scores import counting, evaluate_missing, score
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats.seeds import summary
from prefprop_cli.tasks.metrics import ClassMetrics
from tests.helpers import finished
from tests.helpers.heard import hearing


def test_every_metric_of_every_seed(runs, scored):
    assert (scored.metric, scored.n_classes, len(scored.ids)) == ("f1_binary", 2, 60)
    variant = next(each for each in scored.variants if each.name == "prefix-propagation")
    assert len(variant.seeds) == 4
    for seed in range(4):
        saved = load_logits(runs / f"prefix-propagation-{seed}" / "eval", "test")
        wanted = classification_metrics(saved.logits, saved.labels, metrics=ClassMetrics(2))
        for name in ("precision_binary", "recall_binary", "f1_binary", "ece", "ece_paper", "nll"):
            assert variant.values(name)[seed] == wanted[name]
    assert variant.paper["f1_binary"] == 0.818


def test_two_intervals_of_each_estimate(scored):
    variant = scored.variants[1]
    estimate = variant.estimates["f1_binary"]
    assert estimate.seeds == summary(variant.values("f1_binary"), bounds=(0, 1))
    assert estimate.overall.low < estimate.seeds.interval.low < estimate.seeds.mean
    fine_tuning = scored.variants[2]
    assert fine_tuning.estimates["f1_binary"].seeds.interval is None
    alone = fine_tuning.estimates["f1_binary"].overall
    assert alone.low < fine_tuning.values("f1_binary")[0] < alone.high


def test_another_split_has_other_figures(runs, scored):
    validation = finished.scored_in(runs, "validation")
    assert validation.ids[0] == "validation-0"
    assert validation.variants[0].values("ece") != scored.variants[0].values("ece")


def test_progress_is_heard(runs):
    (data,), _ = group(collect([runs]).runs)
    with hearing() as heard, counting(data.runs) as on_run:
        score(data, "test", on_run=on_run)
    assert heard.loops == [("run", 8)]
    assert heard.done == [1, 2, 3, 4, 5, 6, 7, 8]


def test_candidates_have_accuracy_and_calibration(tmp_path):
    path = finished.write(tmp_path / "run", finished.config(set_name="wikihop"), n_classes=4)
    saved = load_logits(path / "eval", "test")
    logits = np.where(np.arange(4) > np.maximum(saved.labels, 1)[:, None], -np.inf, saved.logits)
    save_logits(path / "eval", "test", replace(saved, logits=logits))
    found = finished.scored_in(tmp_path)
    assert (found.columns, found.n_classes) == (("accuracy",), None)
    (variant,) = found.variants
    assert variant.values("accuracy")[0] == np.mean(logits.argmax(axis=1) == saved.labels)
    assert 0 < variant.estimates["ece"].overall.high < 1
    assert variant.paper == {"accuracy": 0.422}


def test_other_documents_are_refused(tmp_path):
    finished.write(tmp_path / "one", finished.config())
    other = finished.write(tmp_path / "two", finished.config(), seed=1)
    saved = load_logits(other / "eval", "test")
    ids = tuple(f"x{number}" for number in range(len(saved.ids)))
    save_logits(other / "eval", "test", replace(saved, ids=ids))
    with pytest.raises(DataError, match=r"two was evaluated on other documents of test"):
        finished.scored_in(tmp_path)


def test_a_split_that_was_not_evaluated(tmp_path):
    finished.write(tmp_path / "one", finished.config(), splits=["validation"])
    with pytest.raises(UsageError, match="no logits of split 'test'"):
        finished.scored_in(tmp_path)


def test_a_run_without_logits_of_validation_is_evaluated_first(tmp_path, monkeypatch):
    """Which tell of what task a run is."""
    run = RunFolder(finished.write(tmp_path / "run", finished.config("prefix-tuning")))
    asked = []
    monkeypatch.setattr(scores, "logits_of", lambda *each, machine: asked.append(each))
    evaluate_missing([run], "test")
    assert asked == []
    (run.evaluation / "validation.safetensors").unlink()
    evaluate_missing([run], "test")
    assert asked == [(run, "validation")]
