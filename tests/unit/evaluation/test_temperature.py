import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.errors import DataError
from prefprop_cli.evaluation.calibration import negative_log_likelihood, softmax
from prefprop_cli.evaluation.temperature import fit_temperature


@st.composite
def predictions(draw):
    n, n_classes = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.normal(size=(n, n_classes)) * 3, rng.integers(0, n_classes, n)


@pytest.mark.shared
def test_golden_temperature(golden):
    known, known_loss = golden.facts["temperature scipy float64 argmin NLL (T), NLL at T"]
    found = fit_temperature(golden.logits, golden.labels)
    assert found.value == pytest.approx(known, abs=1e-8)
    assert found.nll_after == pytest.approx(known_loss, abs=1e-12)
    assert not found.at_bound


def test_odds_worked_by_hand():
    """Logit 4 and right in 3 of 4 documents: the optimum claims 3/4, so 4 / T = log 3."""
    found = fit_temperature([[4.0, 0.0]] * 4, [0, 0, 0, 1])
    assert found.value == pytest.approx(4 / np.log(3), rel=1e-7)
    assert found.nll_after == pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25))
    assert found.nll_before == negative_log_likelihood([[4.0, 0.0]] * 4, [0, 0, 0, 1])


@settings(max_examples=30, deadline=None)
@given(predictions())
def test_no_other_temperature_does_better(case):
    logits, labels = case
    found = fit_temperature(logits, labels)
    assert found.nll_after <= found.nll_before
    for factor in (0.9, 0.999, 1.001, 1.1):
        other = negative_log_likelihood(logits / (found.value * factor), labels)
        assert found.at_bound or found.nll_after <= other


@settings(max_examples=30, deadline=None)
@given(predictions())
def test_temperature_keeps_the_prediction(case):
    logits, labels = case
    probs = softmax(logits / fit_temperature(logits, labels).value)
    predicted = np.take_along_axis(probs, logits.argmax(1, keepdims=True), axis=1)[:, 0]
    assert np.array_equal(predicted, probs.max(1))


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
    found = fit_temperature(logits, labels)
    assert (found.value, found.at_bound) == (pytest.approx(value), at_bound)
    assert np.isfinite([found.nll_before, found.nll_after]).all()


def test_one_class_with_errors_has_an_optimum():
    found = fit_temperature([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0]], [0, 0, 0])
    assert found.value == pytest.approx(2 / np.log(2), rel=1e-7)
    assert not found.at_bound


@pytest.mark.parametrize("logits", [[[np.nan, 0.0]], [[np.inf, 0.0]], np.empty((0, 2))])
def test_unusable_logits_are_refused(logits):
    with pytest.raises(DataError):
        fit_temperature(logits, np.zeros(len(logits), int))
