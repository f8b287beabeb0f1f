import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.classwise import adaptive_error, adaptive_errors
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError
from tests.helpers.calibration import bin_errors, mass_bins, predictions, tied_predictions


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
    assert adaptive_errors(found, n_bins=n_bins) == pytest.approx(expected, abs=1e-12)
    mean = sum(expected) / len(expected)
    assert adaptive_error(found, n_bins=n_bins) == pytest.approx(mean, abs=1e-12)


@pytest.mark.shared
def test_golden_adaptive_error(golden):
    known = golden.facts["reference definitions (this report)"]
    found = adaptive_error(Predictions.from_probs(golden.probs, golden.labels), n_bins=15)
    ace = known["ACE 15 equal-mass, mean over bins and classes (Nixon)"]
    assert found == pytest.approx(ace, abs=1e-12)


def test_a_class_that_no_document_has_counts_with_what_was_claimed_for_it():
    probs = np.array([[0.6, 0.1, 0.3], [0.5, 0.2, 0.3], [0.4, 0.6, 0.0]])
    found = adaptive_errors(Predictions.from_probs(probs, [0, 0, 1]), n_bins=1)
    assert found[2] == pytest.approx(0.2)


def test_candidates_have_no_errors_by_class():
    candidates = Predictions.from_logits([[1.0, 0.0, -np.inf], [1.0, 0.0, 2.0]], [0, 1])
    with pytest.raises(DataError, match="candidates of their own") as caught:
        adaptive_error(candidates, n_bins=15)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("columns_contiguous", [True, False])
def test_the_layout_in_memory_does_not_matter(columns_contiguous):
    rng = np.random.default_rng(0)
    probs, labels = rng.dirichlet(np.ones(4), 100), rng.integers(0, 4, 100)
    laid = np.asfortranarray(probs) if columns_contiguous else probs[:, ::1].copy()
    one, other = (
        adaptive_error(Predictions.from_probs(each, labels), n_bins=15) for each in (laid, probs)
    )
    assert one == other
