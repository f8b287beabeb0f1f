import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from prefprop_cli.calibration.metrics import classification_metrics, stated_intervals
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import DataError
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.tasks.metrics import ClassMetrics
from tests.helpers.calibration import expected_calibration_error

LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def logits_that_predict(predictions, n_classes):
    return np.eye(n_classes)[predictions] * 2.0


def given_intervals(*arrays, **options):
    """Those that are given, without the reasons for others."""
    stated = stated_intervals(*arrays, **options)
    return {name: found for name, found in stated.items() if isinstance(found, Interval)}


@given(LABELS)
def test_scores_equal_scikit_learn(pairs):
    """Also where classes lack labels, predictions or both."""
    labels, predictions = np.array(pairs).T
    found = classification_metrics(
        logits_that_predict(predictions, 4), labels, metrics=ClassMetrics(4)
    )
    assert found["accuracy"] == pytest.approx(accuracy_score(labels, predictions))
    for average in ("micro", "macro"):
        precision, recall, f1, _ = precision_recall_fscore_support(
            labels, predictions, average=average, zero_division=0
        )
        assert found[f"f1_{average}"] == pytest.approx(f1)
        if average == "macro":
            assert found["precision_macro"] == pytest.approx(precision)
            assert found["recall_macro"] == pytest.approx(recall)


@given(LABELS)
def test_binary_scores_are_those_of_class_1(pairs):
    labels, predictions = np.array(pairs).T % 2
    found = classification_metrics(
        logits_that_predict(predictions, 2), labels, metrics=ClassMetrics(2)
    )
    expected = precision_recall_fscore_support(
        labels, predictions, average="binary", pos_label=1, zero_division=0
    )[:3]
    names = ("precision_binary", "recall_binary", "f1_binary")
    assert [found[name] for name in names] == pytest.approx(expected)


def test_binary_scores_only_for_two_classes():
    found = classification_metrics(logits_that_predict([0, 1], 3), [0, 1], metrics=ClassMetrics(3))
    assert set(found) == {
        *("accuracy", "f1_micro", "f1_macro", "precision_macro", "recall_macro"),
        *("ece", "ece_paper", "mce", "brier", "nll"),
    }


def test_bins_apply_to_ece_and_not_to_the_papers():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(90, 3)), rng.integers(0, 3, 90)
    probs = softmax(logits)
    found = classification_metrics(logits, labels, metrics=ClassMetrics(3), n_bins=7)
    assert found["ece"] == expected_calibration_error(probs, labels, n_bins=7)
    paper = expected_calibration_error(probs, labels, n_bins=10, mode="paper")
    assert found["ece_paper"] == paper


@pytest.mark.parametrize("n", [1, 12])
@pytest.mark.parametrize(("label", "accuracy"), [(1, 1.0), (0, 0.0)])
def test_one_class_all_right_or_all_wrong(n, label, accuracy):
    logits, labels = logits_that_predict([1] * n, 2), [label] * n
    found = classification_metrics(logits, labels, metrics=ClassMetrics(2))
    assert found["accuracy"] == found["f1_binary"] == accuracy
    assert np.isfinite(list(found.values())).all()
    intervals = given_intervals(logits, labels, metrics=ClassMetrics(2), n_resamples=20)
    assert bool(intervals) == (n > 1)  # of one document nothing can be said
    for name in {"accuracy", "f1_micro", "f1_binary"} & set(intervals):
        interval = intervals[name]
        assert interval.high - interval.low > 0.1  # n documents prove neither 1 nor 0


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        ([[np.nan, 0.0]], [0], "NaN"),
        ([[np.inf, 0.0]], [0], "infinity"),
        ([[1.0, 0.0]], [2], "label 2"),
        ([[1.0, 0.0, 0.0]], [0], "3 columns, the task 2 classes"),
        (np.empty((0, 2)), [], "empty"),
    ],
)
def test_unusable_input_is_refused(logits, labels, message):
    with pytest.raises(DataError, match=message):
        classification_metrics(logits, labels, metrics=ClassMetrics(2))


def test_every_metric_has_an_interval_around_it():
    rng = np.random.default_rng(0)
    logits, labels = 2 * rng.normal(size=(65, 2)), rng.integers(0, 2, 65)
    metrics = classification_metrics(logits, labels, metrics=ClassMetrics(2))
    intervals = given_intervals(logits, labels, metrics=ClassMetrics(2), n_resamples=200)
    assert set(intervals) == set(metrics) - {"mce"}
    for name, interval in intervals.items():
        assert interval.low < metrics[name] < interval.high


def test_intervals_of_a_large_split_take_seconds():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(7532, 20)), rng.integers(0, 20, 7532)
    start = time.process_time()
    stated_intervals(logits, labels, metrics=ClassMetrics(20))
    assert time.process_time() - start < 5.0
