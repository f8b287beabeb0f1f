import math

import numpy as np
import pytest
from hypothesis import given

from prefprop_cli.calibration.predictions import Predictions, checked, softmax
from prefprop_cli.errors import DataError
from tests.helpers.calibration import predictions, tied_predictions, top_label


@given(predictions())
def test_softmax_and_log_losses_equal_their_definition(case):
    """Row by row with `math`."""
    probs, labels = case
    logits = np.log(probs.clip(1e-300))
    found = Predictions.from_logits(logits, labels)
    for row, got, label, loss in zip(logits, found.probs, labels, found.log_losses, strict=True):
        weights = [math.exp(z - max(row)) for z in row]
        assert got == pytest.approx([weight / sum(weights) for weight in weights], abs=1e-15)
        expected = math.log(sum(weights)) + max(row) - row[label]
        assert loss == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [1, 4095, 4096, 4097, 9000])
def test_blocks_of_rows_leave_no_trace(n):
    logits = np.random.default_rng(n).normal(size=(n, 3)).astype(np.float32)
    weights = np.exp(logits.astype(np.float64))
    expected = weights / weights.sum(axis=1, keepdims=True)
    assert softmax(logits) == pytest.approx(expected, abs=1e-15)
    found = Predictions.from_logits(logits, np.zeros(n, int))
    assert np.array_equal(found.right, expected.argmax(axis=1) == 0)


def test_softmax_takes_the_last_axis_of_any_shape():
    logits = np.random.default_rng(0).normal(size=(2, 5, 3))
    found = softmax(logits)
    assert found.shape == logits.shape
    assert np.array_equal(found[1, 4], softmax(logits[1, 4]))
    assert found.sum(axis=-1) == pytest.approx(np.ones((2, 5)))


@given(predictions())
def test_top_label_and_squared_errors_equal_a_loop(case):
    probs, labels = case
    found = Predictions.from_probs(*case)
    pairs = zip(found.confidence, found.right, strict=True)
    assert list(pairs) == top_label(probs, labels)
    squares = [
        sum((p - (k == label)) ** 2 for k, p in enumerate(row))
        for row, label in zip(probs, labels, strict=True)
    ]
    assert found.squared_errors == pytest.approx(squares, abs=1e-14)


@given(tied_predictions())
def test_of_level_classes_the_first_is_the_top_label(case):
    found = Predictions.from_probs(*case)
    assert list(zip(found.confidence, found.right, strict=True)) == top_label(*case)


def test_float32_may_level_what_float64_tells_apart():
    close = Predictions.from_probs([[0.5 - 1e-12, 0.5 + 1e-12]], [1])
    assert (close.right.item(), close.float32_right.item()) == (1, 0)


def test_probabilities_and_logits_give_one_result():
    logits, labels = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % 4
    one, other = (
        Predictions.from_logits(logits, labels),
        Predictions.from_probs(softmax(logits), labels),
    )
    assert np.array_equal(one.probs, other.probs)
    assert one.log_losses == pytest.approx(other.log_losses)
    assert one.all_classes
    assert other.all_classes


def test_a_candidate_that_is_not_there_has_probability_0():
    found = Predictions.from_logits([[1.0, 1.0, -np.inf], [0.0, -np.inf, -np.inf]], [1, 0])
    assert found.probs.tolist() == [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]
    assert found.log_losses == pytest.approx([np.log(2), 0.0])
    assert not found.all_classes


def test_a_label_of_probability_0_has_an_infinite_loss():
    assert Predictions.from_probs([[1.0, 0.0]], [1]).log_losses.tolist() == [np.inf]


def test_logits_keep_their_precision_until_they_are_float64():
    logits = np.array([[88.0, 0.0], [60000.0, -60000.0]], np.float16)
    found = Predictions.from_logits(logits, [1, 0])
    assert found.log_losses.tolist() == [88.0, 0.0]


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (np.empty((0, 3)), [], "empty"),
        (np.empty((3, 0)), [0, 0, 0], "empty"),
        ([[0.5, 0.5], [np.nan, 0.5]], [0, 1], "1 of 2 predictions.*row 1"),
        ([[0.5, np.inf]], [0], "1 of 1 predictions.*row 0"),
        ([[-np.inf, -np.inf]], [0], "1 of 1 predictions.*row 0"),
        ([[0.5, -np.inf]], [1], "-inf"),
        ([[0.5, 0.5]], [0, 1], r"\(1, 2\) and \(2,\)"),
        ([0.5, 0.5], [0, 1], r"\(2,\)"),
        ([[0.5, 0.5]], [2], "label 2 is outside the model's 2"),
        ([[0.5, 0.5]], [-1], "label -1 is outside"),
    ],
)
def test_bad_input_is_refused(rows, labels, message):
    for check in (checked, Predictions.from_logits, Predictions.from_probs):
        with pytest.raises(DataError, match=message) as caught:
            check(rows, labels)
        assert caught.value.exit_code == 3


@pytest.mark.parametrize("row", [[0.9, 0.9], [70.0, 30.0], [1.5, -0.5], [0.0, 0.0], [0.5, -np.inf]])
def test_what_is_no_probability_is_refused(row):
    with pytest.raises(DataError, match="1 of 2 rows are no probabilities, first row 1"):
        Predictions.from_probs([[0.5, 0.5], row], [0, 0])


def test_probabilities_of_low_precision_pass():
    probs = np.random.default_rng(0).dirichlet(np.ones(20), 100).astype(np.float16)
    assert Predictions.from_probs(probs, np.zeros(100, int)).probs.dtype == np.float64
