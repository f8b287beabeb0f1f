import json
from dataclasses import replace

import numpy as np
import pytest

from prefprop_cli.calibration.null import NullSummary, expected_null_error
from prefprop_cli.calibration.predictions import Predictions, negative_log_likelihood, softmax
from prefprop_cli.calibration.report import COVERAGES, calibration_report
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.stored_logits import SavedLogits
from tests.helpers.calibration import (
    brier_score,
    diagram,
    expected_calibration_error,
    maximum_calibration_error,
)

NAMES = ("peace", "tax", "war")


def split(n=120, *, seed=0, n_classes=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    logits = 3 * rng.normal(size=(n, n_classes)) + 2 * np.eye(n_classes)[labels]
    ids = tuple(map(str, range(n)))
    return SavedLogits(ids, logits.astype(np.float32), labels, rng.integers(50, 4000, n))


def halved(logits):
    return logits / 2


def report_of(saved, *, calibrator=halved, names=NAMES, n_bins=12):
    return calibration_report(
        Predictions.from_logits(saved.logits, saved.labels),
        Predictions.from_logits(calibrator(saved.logits), saved.labels),
        n_fit=len(saved.ids),
        class_names=names,
        lengths=saved.n_tokens,
        n_bins=n_bins,
        n_resamples=100,
    )


@pytest.fixture(scope="module")
def report():
    return report_of(split())


def test_it_holds_the_scores_before_and_after(report):
    saved = split()
    for state, logits in ((report.before, saved.logits), (report.after, saved.logits / 2)):
        probs = softmax(logits)
        expected = {
            "accuracy": np.mean(probs.argmax(axis=1) == saved.labels),
            "ece": expected_calibration_error(probs, saved.labels, n_bins=12),
            "ece_mass": expected_calibration_error(probs, saved.labels, n_bins=12, mode="mass"),
            "ece_paper": expected_calibration_error(probs, saved.labels, n_bins=10, mode="paper"),
            "mce": maximum_calibration_error(probs, saved.labels, n_bins=12),
            "brier": brier_score(probs, saved.labels),
            "nll": negative_log_likelihood(logits, saved.labels),
        }
        found = {name: state.scores[name].value for name in expected}
        assert found == pytest.approx(expected, abs=1e-12)
        for name in ("accuracy", "ece", "ece_paper", "brier", "nll"):
            interval = state.scores[name].interval
            assert interval.low < state.scores[name].value < interval.high, name
        errors = expected_null_error(probs.max(axis=1), n_bins=12, n_resamples=100)
        assert state.null == NullSummary.of(errors, observed=state.scores["ece"].value)
        paper = expected_null_error(probs.max(axis=1), n_bins=10, mode="paper", n_resamples=100)
        assert state.null_paper.mean == paper.mean()
        counts = [b.count for b in diagram(probs, saved.labels, n_bins=12)]
        assert [b.count for b in state.bins] == counts
    assert (report.n, report.n_fit, report.n_bins, report.changed) == (120, 120, 12, 0.0)


def test_it_is_taken_apart(report):
    for state in (report.before, report.after):
        assert state.brier.brier == pytest.approx(state.scores["brier"].value, abs=1e-12)
        assert [each.name for each in state.by_class] == list(NAMES)
        assert state.by_length[-1].name == "all"
        assert [each.n for each in state.selections] == [60, 96, 108, 120]
        assert len(state.selections) == len(COVERAGES)


def test_it_is_plain_json(report):
    document = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    empty = document["before"]["bins"][0]
    assert (empty["count"], empty["accuracy"], empty["interval"]) == (0, None, None)
    assert document["after"]["scores"]["ece"]["interval"]["level"] == 0.95
    assert document["after"]["scores"]["mce"]["interval"] is None
    assert document["after"]["null"]["p_value"] == report.after.null.p_value


def test_a_calibrator_may_change_predictions():
    saved = split(40)
    found = report_of(saved, calibrator=lambda logits: np.roll(logits, 1, axis=1))
    assert found.changed == 1.0
    assert found.after.scores["accuracy"].value != found.before.scores["accuracy"].value


def test_candidates_have_no_classes():
    saved = split()
    logits = saved.logits.copy()
    logits[saved.labels != 2, 2] = -np.inf
    found = report_of(replace(saved, logits=logits, n_tokens=None), names=())
    assert found.after.by_class is None
    assert found.after.by_length is None
    assert "ace" not in found.after.scores
    assert found.after.brier.brier <= 1  # that of the top label


@pytest.mark.parametrize("label", [0, 1])
def test_one_document(label):
    saved = SavedLogits(("a",), np.array([[2.0, 0.0]], np.float32), np.array([label]))
    found = report_of(saved, names=("a", "b"))
    expected = abs(1 - label - 1 / (1 + np.exp(-2)))
    assert found.before.scores["ece"].value == pytest.approx(expected)


def test_logits_that_are_not_finite_are_refused():
    saved = split(4)
    saved.logits[0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        report_of(saved)
