from math import exp

import numpy as np
import pytest
from hypothesis import given, settings

from prefprop_cli.calibration.calibrators.temperature import Temperature
from prefprop_cli.calibration.predictions import negative_log_likelihood
from prefprop_cli.errors import CorruptFileError
from tests.helpers.recalibration import labelled_logits, of_scikit_learn


def slope(logits, labels, temperature):
    """Derivative of the summed NLL by 1/T, document by document: mean logit less the label's."""
    total = 0.0
    for row, label in zip(logits.tolist(), labels, strict=True):
        weights = [exp((z - max(row)) / temperature) for z in row]
        mean = sum(w * z for w, z in zip(weights, row, strict=True)) / sum(weights)
        total += mean - row[label]
    return total


@pytest.mark.shared
def test_golden_temperature(golden):
    known, known_loss = golden.facts["temperature scipy float64 argmin NLL (T), NLL at T"]
    found = Temperature.fit(golden.logits, golden.labels)
    assert found.value == pytest.approx(known, abs=1e-8)
    loss = negative_log_likelihood(found.logits(golden.logits), golden.labels)
    assert loss == pytest.approx(known_loss, abs=1e-12)
    assert not found.at_bound


@pytest.mark.shared
def test_the_optimum_is_certified(golden):
    found = Temperature.fit(golden.logits, golden.labels)
    low, high = found.bracket
    assert low < found.value < high < low * (1 + 1e-6)
    # 1/T rises as T falls, and so does the slope.
    assert slope(golden.logits, golden.labels, high) < 0 < slope(golden.logits, golden.labels, low)


@pytest.mark.shared
def test_probabilities_are_those_of_scikit_learn(golden):
    pytest.importorskip("sklearn", minversion="1.8")
    # Three times the documents: it asks for five of each class.
    logits = np.concatenate([golden.logits] * 3).astype(np.float64)
    labels = np.concatenate([golden.labels] * 3)
    expected = of_scikit_learn("temperature", logits, labels)
    assert Temperature.fit(logits, labels)(logits) == pytest.approx(expected, abs=1e-7)


def test_odds_worked_by_hand():
    """Logit 4 and right in 3 of 4 documents: the optimum claims 3/4, so 4 / T = log 3."""
    found = Temperature.fit([[4.0, 0.0]] * 4, [0, 0, 0, 1])
    assert found.value == pytest.approx(4 / np.log(3), rel=1e-7)
    assert found([[4.0, 0.0]]) == pytest.approx(np.array([[0.75, 0.25]]))
    low, high = found.bracket
    assert low < 4 / np.log(3) < high < low * (1 + 1e-6)
    assert str(found) == "T = 3.641"


@settings(max_examples=60)
@given(labelled_logits())
def test_no_other_temperature_does_better(case):
    logits, labels = case
    found = Temperature.fit(logits, labels)
    loss = negative_log_likelihood(found.logits(logits), labels)
    assert loss <= negative_log_likelihood(logits, labels) + 1e-12
    for factor in (0.9, 0.999, 1.001, 1.1):
        other = Temperature(found.value * factor).logits(logits)
        assert found.at_bound or loss <= negative_log_likelihood(other, labels) + 1e-12


@settings(max_examples=60)
@given(labelled_logits())
def test_temperature_keeps_every_label(case):
    logits, labels = case
    calibrated = Temperature.fit(logits, labels).logits(logits)
    assert np.array_equal(calibrated.argmax(axis=1), np.argmax(logits, axis=1))


@pytest.mark.parametrize(
    ("logits", "labels", "value", "at_bound"),
    [
        pytest.param([[2.0, 0.0], [0.0, 1.0]], [0, 1], np.exp(-10), True, id="all right"),
        pytest.param([[2.0, 0.0], [0.0, 1.0]], [1, 0], np.exp(10), True, id="all wrong"),
        pytest.param([[2.0, 0.0], [1.0, 0.0]], [0, 0], np.exp(-10), True, id="one class, right"),
        pytest.param([[0.5, 0.0]], [0], np.exp(-10), True, id="one document"),
        pytest.param([[1.0, 1.0], [3.0, 3.0]], [0, 1], 1.0, False, id="no confidence to scale"),
        pytest.param([[9e3, 0.0]], [0], 1.0, False, id="loss already 0"),
    ],
)
def test_degenerate_splits_have_a_defined_result(logits, labels, value, at_bound):
    found = Temperature.fit(logits, labels)
    assert (found.value, found.at_bound) == (pytest.approx(value), at_bound)
    assert (found.bracket is None) == at_bound
    assert bool(found.unsettled) == at_bound


def test_one_class_with_errors_has_an_optimum():
    found = Temperature.fit([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]], [0, 0, 0])
    assert found.value == pytest.approx(2 / np.log(2), rel=1e-7)
    assert not found.at_bound


@pytest.mark.parametrize("factor", [1e-9, 1e-3, 7.0, 300.0, 1e4, 1e9])
def test_of_logits_times_a_factor_it_is_so_many_times_as_large(factor):
    logits, labels = np.array([[4.0, 0.0, -np.inf]] * 4), [0, 0, 0, 1]
    one, other = Temperature.fit(logits, labels), Temperature.fit(factor * logits, labels)
    assert other.value == pytest.approx(factor * one.value, rel=1e-7)
    assert not other.at_bound
    found = other(factor * np.array([[4.0, 0.0]]))
    assert found == pytest.approx(one([[4.0, 0.0]]), abs=1e-7)


@pytest.mark.parametrize("factor", [1e-9, 300.0, 1e9])
def test_what_is_not_settled_is_not_at_any_size(factor):
    logits = factor * np.array([[2.0, 0.1], [0.1, 1.0]])
    assert Temperature.fit(logits, [1, 0]).at_bound
    assert factor > 1 or Temperature.fit(logits, [0, 1]).at_bound  # beyond, the loss is 0


def test_absent_candidates_do_not_count():
    """Two candidates of which a third slot is empty: as if it were not there."""
    logits, labels = np.array([[4.0, 0.0]] * 4), [0, 0, 0, 1]
    padded = np.column_stack([logits, np.full(4, -np.inf)])
    assert Temperature.fit(padded, labels).value == Temperature.fit(logits, labels).value


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "hot", None])
def test_a_stored_value_is_a_positive_number(value):
    with pytest.raises(CorruptFileError):
        Temperature.from_dict({"value": value})
