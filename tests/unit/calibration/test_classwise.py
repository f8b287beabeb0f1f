import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.classwise import class_errors, classwise_errors
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError
from tests.helpers.calibration import (
    bin_errors,
    mass_bins,
    predictions,
    tied_predictions,
    width_bins,
)


def plain_errors(probs, labels, n_bins, threshold):
    """SCE, ACE and TACE of each class, by the definition."""

    def adaptive(pairs):
        errors = [error for _, error in bin_errors(mass_bins(pairs, n_bins))]
        return sum(errors) / len(errors) if errors else 0.0

    for k in range(probs.shape[1]):
        pairs = [(row[k], float(label == k)) for row, label in zip(probs, labels, strict=True)]
        static = sum(share * error for share, error in bin_errors(width_bins(pairs, n_bins)))
        yield static, adaptive(pairs), adaptive([pair for pair in pairs if pair[0] > threshold])


@given(
    st.one_of(predictions(), tied_predictions()),
    st.sampled_from([1, 5, 15]),
    st.sampled_from([0.0, 0.01, 0.3]),
)
def test_errors_equal_their_definition(case, n_bins, threshold):
    found = classwise_errors(*case, n_bins=n_bins, threshold=threshold)
    static, adaptive, thresholded = zip(*plain_errors(*case, n_bins, threshold), strict=True)
    assert found.static == pytest.approx(static, abs=1e-12)
    assert found.adaptive == pytest.approx(adaptive, abs=1e-12)
    assert found.thresholded == pytest.approx(thresholded, abs=1e-12)
    means = [sum(errors) / len(errors) for errors in (static, adaptive, thresholded)]
    assert [found.sce, found.ace, found.tace] == pytest.approx(means, abs=1e-12)


@pytest.mark.shared
def test_golden_classwise_errors(golden):
    known = golden.facts["reference definitions (this report)"]
    found = classwise_errors(golden.probs, golden.labels, n_bins=15)
    assert found.sce == pytest.approx(known["SCE 15 equal-width, mean over classes"], abs=1e-12)
    assert found.static == pytest.approx(known["SCE per class"], abs=1e-12)
    ace = known["ACE 15 equal-mass, mean over bins and classes (Nixon)"]
    assert found.ace == pytest.approx(ace, abs=1e-12)
    assert found.tace == pytest.approx(known["TACE 15, threshold 0.01"], abs=1e-12)


@pytest.mark.shared
def test_golden_static_error_of_another_library(golden):
    key = "verified_calibration marginal p=1 equal-width 15 (=SCE / static classwise ECE)"
    found = classwise_errors(golden.probs, golden.labels, n_bins=15)
    assert found.sce == pytest.approx(golden.facts[key], abs=1e-7)


def test_a_class_that_no_document_has_counts_with_what_was_claimed_for_it():
    probs = np.array([[0.6, 0.1, 0.3], [0.5, 0.2, 0.3], [0.4, 0.6, 0.0]])
    found = classwise_errors(probs, [0, 0, 1], n_bins=1)
    assert found.static[2] == pytest.approx(0.2)
    assert found.adaptive[2] == pytest.approx(0.2)
    assert found.thresholded[2] == pytest.approx(0.3)


def test_nothing_above_the_threshold_is_nothing_claimed():
    found = classwise_errors([[0.995, 0.005]] * 3, [0, 1, 0], threshold=0.01)
    assert found.thresholded[1] == 0
    assert found.static[1] == pytest.approx(1 / 3 - 0.005)


def test_of_two_classes_both_have_one_static_error():
    """p and 1 - p err alike where no probability lies on an edge."""
    rng = np.random.default_rng(0)
    probs = rng.dirichlet([1, 1], 200)
    static = classwise_errors(probs, rng.integers(0, 2, 200), n_bins=15).static
    assert static[0] == pytest.approx(static[1], abs=1e-12)


def test_candidates_have_no_errors_by_class():
    candidates = Predictions.from_logits([[1.0, 0.0, -np.inf], [1.0, 0.0, 2.0]], [0, 1])
    with pytest.raises(DataError, match="candidates of their own") as caught:
        class_errors(candidates, n_bins=15)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("columns_contiguous", [True, False])
def test_the_layout_in_memory_does_not_matter(columns_contiguous):
    rng = np.random.default_rng(0)
    probs, labels = rng.dirichlet(np.ones(4), 100), rng.integers(0, 4, 100)
    laid = np.asfortranarray(probs) if columns_contiguous else probs[:, ::1].copy()
    assert classwise_errors(laid, labels).ace == classwise_errors(probs, labels).ace
