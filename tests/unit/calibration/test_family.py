import time
from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.calibration.classwise import adaptive_error
from prefprop_cli.calibration.debiased import debiased_squared_error, signed_root
from prefprop_cli.calibration.ece import (
    brier_score,
    expected_calibration_error,
    maximum_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    root_mean_square_calibration_error,
)
from prefprop_cli.calibration.family import calibration_errors
from prefprop_cli.calibration.predictions import Predictions, softmax
from prefprop_cli.calibration.smooth import smooth_calibration_error
from prefprop_cli.errors import DataError
from tests.helpers.calibration import binary, predictions


def figures(found):
    """All figures of a split in a row."""
    plain = [getattr(found, field.name) for field in fields(found) if field.type is float]
    return np.array([*plain, found.ace])


def test_each_figure_is_that_of_its_own_function():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(300, 4)), rng.integers(0, 4, 300)
    probs = softmax(logits)
    found = calibration_errors(Predictions.from_logits(logits, labels), n_bins=12)
    case = (probs, labels)
    assert (found.n, found.n_bins) == (300, 12)
    assert found.accuracy == (logits.argmax(1) == labels).mean()
    assert found.confidence == pytest.approx(probs.max(1).mean())
    assert found.ece == expected_calibration_error(*case, n_bins=12)
    assert found.ece_mass == expected_calibration_error(*case, n_bins=12, mode="mass")
    assert found.ece_paper == expected_calibration_error(*case, n_bins=10, mode="paper")
    assert found.mce == maximum_calibration_error(*case, n_bins=12)
    assert found.rmsce == root_mean_square_calibration_error(*case, n_bins=12)
    assert found.debiased_squared == debiased_squared_error(*case, n_bins=12)
    assert found.debiased == signed_root(found.debiased_squared)
    assert found.smooth == smooth_calibration_error(*case)
    assert found.brier == brier_score(*case)
    assert found.nll == negative_log_likelihood(logits, labels)
    for one, other in zip(found.bins, reliability_bins(*case, n_bins=12), strict=True):
        assert asdict(one) == pytest.approx(asdict(other), nan_ok=True)
    assert found.ace == adaptive_error(Predictions.from_logits(logits, labels), n_bins=12)


@settings(max_examples=25, deadline=None)
@given(predictions(distinct=True), st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(case, random):
    probs, labels = case
    order = random.sample(range(len(labels)), len(labels))
    one, other = (
        calibration_errors(Predictions.from_probs(*each))
        for each in (case, (probs[order], labels[order]))
    )
    assert figures(one) == pytest.approx(figures(other), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(predictions(distinct=True), st.randoms(use_true_random=False))
def test_the_names_of_classes_do_not_matter(case, random):
    """Class k becomes class name[k]."""
    probs, labels = case
    name = np.array(random.sample(range(probs.shape[1]), probs.shape[1]))
    renamed = np.empty_like(probs)
    renamed[:, name] = probs
    one, other = (
        calibration_errors(Predictions.from_probs(*each))
        for each in (case, (renamed, name[labels]))
    )
    assert figures(one) == pytest.approx(figures(other), abs=1e-9)


@pytest.mark.parametrize(
    ("probs", "labels"),
    [
        pytest.param([[0.8, 0.2]], [1], id="one document"),
        pytest.param([[1.0]] * 5, [0] * 5, id="one class"),
        pytest.param(binary(0.7, 0.6, 0.9), [0, 0, 0], id="one label, all right"),
        pytest.param(binary(0.7, 0.6, 0.9), [1, 1, 1], id="one label, all wrong"),
        pytest.param(binary(0.7, 0.6, 0.9), [0, 1, 0], id="two classes"),
        pytest.param([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]], [0, 1], id="a class is missing"),
        pytest.param(binary(*[0.5] * 20), [0, 1] * 10, id="all confidences equal"),
        pytest.param([[0.5, 0.5, 0.0]] * 3, [0, 1, 0], id="a probability of 0"),
    ],
)
def test_every_figure_is_defined(probs, labels):
    found = calibration_errors(Predictions.from_probs(probs, labels))
    values = figures(found)
    assert np.isfinite(values).all()
    assert found.mce >= found.rmsce - 1e-12
    assert found.rmsce >= found.ece - 1e-12
    assert min(found.ece, found.ece_mass, found.smooth, found.brier) >= 0
    assert max(found.mce, found.ece_mass, found.smooth) <= 1


@pytest.mark.parametrize(("label", "error"), [(0, 0.2), (1, 0.8)])
def test_all_right_or_all_wrong_at_one_confidence_errs_by_its_gap(label, error):
    found = calibration_errors(Predictions.from_probs(binary(*[0.8] * 40), [label] * 40))
    top = (found.ece, found.ece_mass, found.mce, found.rmsce, found.smooth)
    assert top == pytest.approx([error] * 5, abs=1e-9)
    assert found.debiased == pytest.approx(error)
    assert found.ace == pytest.approx(error)


def test_documents_with_candidates_have_all_but_errors_by_class():
    logits = [[2.0, 0.0, -np.inf], [1.0, -np.inf, -np.inf], [0.0, 1.0, 3.0]]
    candidates = Predictions.from_logits(logits, [0, 0, 1])
    found = calibration_errors(candidates, classwise=False)
    assert found.ace is None
    top = (1 / (1 + np.exp(-2)), 1.0, 1 / (1 + np.exp(-2) + np.exp(-3)))
    assert found.confidence == pytest.approx(sum(top) / 3)
    assert found.ece > 0
    with pytest.raises(DataError, match="candidates of their own"):
        calibration_errors(candidates)


def seconds(n):
    """CPU time of all figures of n documents and 20 classes, from float32 logits."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 20), scale=2).astype(np.float32)
    labels = np.where(rng.random(n) < 0.4, rng.integers(0, 20, n), logits.argmax(axis=1))
    start = time.process_time()
    calibration_errors(Predictions.from_logits(logits, labels))
    return time.process_time() - start


def test_a_hundred_thousand_documents_take_a_fraction_of_a_second():
    """0.1 s on an idle machine."""
    assert seconds(100_000) < 0.5


@pytest.mark.slow
def test_a_million_documents_take_less_than_two_seconds():
    assert seconds(1_000_000) < 2.0
