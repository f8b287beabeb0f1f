import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from prefprop_cli.errors import CorruptFileError, DataError, UsageError
from prefprop_cli.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    expected_null_error,
    maximum_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    softmax,
)
from prefprop_cli.evaluation.results import (
    SavedLogits,
    calibration_report,
    load_logits,
    save_logits,
)

IDS = ("speech/1829-Jackson", "ünïcode\n", "42")
LOGITS = np.array([[1.5, -2.0], [0.25, 0.5], [3.0, 1.0]], np.float32)
LABELS = np.array([0, 1, 1])
N_TOKENS = np.array([512, 9, 70_000])


@pytest.fixture
def saved(tmp_path):
    return save_logits(tmp_path / "eval", "test", SavedLogits(IDS, LOGITS, LABELS, N_TOKENS))


def test_logits_come_back_as_they_were(saved):
    found = load_logits(saved.parent, "test")
    assert found.ids == IDS
    assert found.logits.dtype == np.float32
    assert np.array_equal(found.logits, LOGITS)
    assert np.array_equal(found.labels, LABELS)
    assert np.array_equal(found.n_tokens, N_TOKENS)


def test_a_file_without_lengths_is_of_an_earlier_version(saved):
    save_logits(saved.parent, "test", SavedLogits(IDS, LOGITS, LABELS))
    assert load_logits(saved.parent, "test").n_tokens is None


def test_saving_again_replaces_and_leaves_nothing_else(saved):
    save_logits(saved.parent, "test", SavedLogits(IDS, 2 * LOGITS.astype(float), LABELS))
    found = load_logits(saved.parent, "test").logits
    assert np.array_equal(found, 2 * LOGITS)
    assert found.dtype == np.float32
    assert list(saved.parent.iterdir()) == [saved]


def test_a_split_not_evaluated_says_how_to(saved):
    with pytest.raises(UsageError, match="prefprop eval RUN --split validation"):
        load_logits(saved.parent, "validation")


def test_a_cut_off_file_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-8])
    with pytest.raises(CorruptFileError, match="damaged"):
        load_logits(saved.parent, "test")


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        pytest.param({"weight": LOGITS}, {"ids": json.dumps(IDS)}, id="other tensors"),
        pytest.param({"logits": LOGITS, "labels": LABELS}, None, id="no ids"),
        pytest.param({"logits": LOGITS, "labels": LABELS}, {"ids": "[1, "}, id="ids not JSON"),
        pytest.param({"logits": LOGITS, "labels": LABELS}, {"ids": '["a"]'}, id="ids missing"),
        pytest.param(
            {"logits": LOGITS, "labels": LABELS, "n_tokens": LABELS[:2]},
            {"ids": json.dumps(IDS)},
            id="lengths missing",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path, tensors, metadata):
    save_file(tensors, tmp_path / "test.safetensors", metadata)
    with pytest.raises(CorruptFileError, match=r"test\.safetensors"):
        load_logits(tmp_path, "test")


def random_split(n=120):
    rng = np.random.default_rng(0)
    return 4 * rng.normal(size=(n, 3)), rng.integers(0, 3, n)


def test_report_holds_the_scores_before_and_after():
    logits, labels = random_split()
    report = calibration_report(logits, labels, temperature=2.5, n_bins=12, n_resamples=100)
    for state, scaled in ((report.before, logits), (report.after, logits / 2.5)):
        probs = softmax(scaled)
        assert {name: score.value for name, score in state.scores.items()} == {
            "ece": expected_calibration_error(probs, labels, n_bins=12),
            "ece_paper": expected_calibration_error(probs, labels, n_bins=10, mode="paper"),
            "mce": maximum_calibration_error(probs, labels, n_bins=12),
            "brier": brier_score(probs, labels),
            "nll": negative_log_likelihood(scaled, labels),
        }
        for score in state.scores.values():
            assert score.interval.low < score.value < score.interval.high
        null = expected_null_error(probs, n_bins=12, n_resamples=100)
        assert (state.null.mean, state.null.p95) == (null.mean, null.p95)
        assert state.null.p_value == null.p_value(state.scores["ece"].value)
        counts = [b.count for b in reliability_bins(probs, labels, n_bins=12)]
        assert [b.count for b in state.bins] == counts
    assert (report.n, report.n_bins, report.temperature) == (120, 12, 2.5)


def test_report_is_plain_json_with_empty_bins_as_null():
    report = calibration_report(*random_split(20), temperature=2.0, n_resamples=10)
    document = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert document["before"]["bins"][0] == {
        "lower": 0.0,
        "upper": 1 / 15,
        "count": 0,
        "confidence": None,
        "accuracy": None,
    }
    assert document["after"]["scores"]["ece"]["interval"]["level"] == 0.95
    assert document["after"]["null"]["p_value"] == report.after.null.p_value


@pytest.mark.parametrize("labels", [[0], [1]])
def test_report_of_one_document(labels):
    report = calibration_report([[2.0, 0.0]], labels, temperature=1.0, n_resamples=10)
    ece = report.before.scores["ece"]
    expected = pytest.approx(abs(1 - labels[0] - 1 / (1 + np.exp(-2))))
    assert (ece.interval.low, ece.value, ece.interval.high) == (expected, expected, expected)


def test_report_refuses_logits_that_are_not_finite():
    with pytest.raises(DataError, match="NaN"):
        calibration_report([[np.nan, 0.0]], [0], temperature=1.0)
