import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.calibration.predictions import Predictions, negative_log_likelihood, softmax
from prefprop_cli.calibration.scores import (
    SCORES,
    Split,
    calibration_scores,
    class_errors,
)
from prefprop_cli.calibration.selective import risk_coverage
from prefprop_cli.errors import DataError
from tests.helpers import calibration as plain
from tests.helpers.calibration import bin_errors, binary, mass_bins, predictions, tied_predictions


def scores(*case, n_bins=15):
    return calibration_scores(Split(Predictions.from_probs(*case), n_bins))


def ace(found, *, n_bins):
    return SCORES["ace"](Split(found, n_bins))


def test_each_score_is_that_of_its_own_definition():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(300, 4)), rng.integers(0, 4, 300)
    probs = softmax(logits)
    case = (probs, labels)
    predictions = Predictions.from_logits(logits, labels)
    square = plain.debiased_squared_error(*case, n_bins=12)
    expected = {
        "accuracy": (logits.argmax(1) == labels).mean(),
        "confidence": probs.max(1).mean(),
        "ece": plain.expected_calibration_error(*case, n_bins=12),
        "ece_paper": plain.expected_calibration_error(*case, n_bins=10, mode="paper"),
        "ece_mass": plain.expected_calibration_error(*case, n_bins=12, mode="mass"),
        "ece_debiased": np.sign(square) * abs(square) ** 0.5,
        "smece": plain.smooth_calibration_error(*case),
        "mce": plain.maximum_calibration_error(*case, n_bins=12),
        "rmsce": plain.root_mean_square_calibration_error(*case, n_bins=12),
        "ace": class_errors(predictions, n_bins=12).mean(),
        "brier": plain.brier_score(*case),
        "nll": negative_log_likelihood(logits, labels),
        "aurc": risk_coverage(predictions).aurc,
    }
    found = calibration_scores(Split(predictions, 12))
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, abs=1e-14)


@settings(max_examples=25)
@given(predictions(distinct=True), st.randoms(use_true_random=False))
def test_the_order_of_documents_does_not_matter(case, random):
    probs, labels = case
    order = random.sample(range(len(labels)), len(labels))
    assert scores(probs[order], labels[order]) == pytest.approx(scores(*case), abs=1e-9)


@settings(max_examples=25)
@given(predictions(distinct=True), st.randoms(use_true_random=False))
def test_the_names_of_classes_do_not_matter(case, random):
    """Class k becomes class name[k]."""
    probs, labels = case
    name = np.array(random.sample(range(probs.shape[1]), probs.shape[1]))
    renamed = np.empty_like(probs)
    renamed[:, name] = probs
    assert scores(renamed, name[labels]) == pytest.approx(scores(*case), abs=1e-9)


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
def test_every_score_is_defined(probs, labels):
    found = scores(probs, labels)
    assert np.isfinite(list(found.values())).all()
    assert found["mce"] >= found["rmsce"] - 1e-12
    assert found["rmsce"] >= found["ece"] - 1e-12
    assert all(found[name] >= 0 for name in found if name != "ece_debiased")
    assert all(found[name] <= 1 for name in found if name not in ("brier", "nll"))


@pytest.mark.parametrize(("label", "error"), [(0, 0.2), (1, 0.8)])
def test_all_right_or_all_wrong_at_one_confidence_errs_by_its_gap(label, error):
    found = scores(binary(*[0.8] * 40), [label] * 40)
    same = ("ece", "ece_mass", "ece_debiased", "smece", "mce", "rmsce", "ace")
    assert [found[name] for name in same] == pytest.approx([error] * 7, abs=1e-9)


def test_documents_with_candidates_have_all_but_errors_by_class():
    logits = [[2.0, 0.0, -np.inf], [1.0, -np.inf, -np.inf], [0.0, 1.0, 3.0]]
    candidates = Split(Predictions.from_logits(logits, [0, 0, 1]))
    found = calibration_scores(candidates, classwise=False)
    assert found.keys() == SCORES.keys() - {"ace"}
    top = (1 / (1 + np.exp(-2)), 1.0, 1 / (1 + np.exp(-2) + np.exp(-3)))
    assert found["confidence"] == pytest.approx(sum(top) / 3)
    assert found["ece"] > 0
    with pytest.raises(DataError, match="candidates of their own") as caught:
        calibration_scores(candidates)
    assert caught.value.exit_code == 3


def seconds(n):
    """CPU time of all figures of n documents and 20 classes, from float32 logits."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 20), scale=2).astype(np.float32)
    labels = np.where(rng.random(n) < 0.4, rng.integers(0, 20, n), logits.argmax(axis=1))
    start = time.process_time()
    calibration_scores(Split(Predictions.from_logits(logits, labels)))
    return time.process_time() - start


def test_a_hundred_thousand_documents_take_a_fraction_of_a_second():
    """0.1 s on an idle machine."""
    assert seconds(100_000) < 0.5


@pytest.mark.slow
def test_a_million_documents_take_less_than_two_seconds():
    assert seconds(1_000_000) < 2.0


# --- errors by class


def plain_errors(probs, labels, n_bins):
    """ACE of each class, by the definition."""
    for k in range(probs.shape[1]):
        pairs = [(row[k], float(label == k)) for row, label in zip(probs, labels, strict=True)]
        errors = [error for _, error in bin_errors(mass_bins(pairs, n_bins))]
        yield sum(errors) / len(errors)


@given(st.one_of(predictions(), tied_predictions()), st.sampled_from([1, 5, 15]))
def test_errors_equal_their_definition(case, n_bins):
    found = Predictions.from_probs(*case)
    expected = list(plain_errors(*case, n_bins))
    assert class_errors(found, n_bins=n_bins) == pytest.approx(expected, abs=1e-12)
    mean = sum(expected) / len(expected)
    assert ace(found, n_bins=n_bins) == pytest.approx(mean, abs=1e-12)


@pytest.mark.shared
def test_golden_adaptive_error(golden):
    known = golden.facts["reference definitions (this report)"]
    found = ace(Predictions.from_probs(golden.probs, golden.labels), n_bins=15)
    theirs = known["ACE 15 equal-mass, mean over bins and classes (Nixon)"]
    assert found == pytest.approx(theirs, abs=1e-12)


def test_a_class_that_no_document_has_counts_with_what_was_claimed_for_it():
    probs = np.array([[0.6, 0.1, 0.3], [0.5, 0.2, 0.3], [0.4, 0.6, 0.0]])
    found = class_errors(Predictions.from_probs(probs, [0, 0, 1]), n_bins=1)
    assert found[2] == pytest.approx(0.2)


@pytest.mark.parametrize("columns_contiguous", [True, False])
def test_the_layout_in_memory_does_not_matter(columns_contiguous):
    rng = np.random.default_rng(0)
    probs, labels = rng.dirichlet(np.ones(4), 100), rng.integers(0, 4, 100)
    laid = np.asfortranarray(probs) if columns_contiguous else probs[:, ::1].copy()
    one, other = (ace(Predictions.from_probs(each, labels), n_bins=15) for each in (laid, probs))
    assert one == other
