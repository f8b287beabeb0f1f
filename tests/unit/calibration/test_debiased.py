from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.debiased import debiased_squared_error, signed_root
from prefprop_cli.calibration.ece import root_mean_square_calibration_error
from tests.helpers.calibration import binary, mass_bins, predictions, tied_predictions, top_label


def plain_error(pairs, n_bins):
    """The definition, with the unbiased variance of the outcomes by its own definition."""
    total = 0.0
    for inside in mass_bins(pairs, n_bins):
        claims, outcomes = zip(*inside, strict=True)
        size, share = len(inside), sum(outcomes) / len(inside)
        if size > 1:
            variance = sum((c - share) ** 2 for c in outcomes) / (size - 1)
            total += size * ((share - sum(claims) / size) ** 2 - variance / size)
    return total / len(pairs)


@given(st.one_of(predictions(), tied_predictions()), st.sampled_from([1, 3, 15]))
def test_error_equals_its_definition(case, n_bins):
    expected = plain_error(top_label(*case), n_bins)
    assert debiased_squared_error(*case, n_bins=n_bins) == pytest.approx(expected, abs=1e-12)


@given(predictions(), st.sampled_from([1, 3, 15]))
def test_it_lies_below_the_square_it_corrects(case, n_bins):
    plain = root_mean_square_calibration_error(*case, n_bins=n_bins, mode="mass")
    assert debiased_squared_error(*case, n_bins=n_bins) <= plain**2 + 1e-12


@pytest.mark.shared
def test_golden_debiased_error(golden):
    key = "debiased squared L2 CE (Kumar), equal-mass 15 (may be negative)"
    known = golden.facts["reference definitions (this report)"][key]
    found = debiased_squared_error(golden.probs, golden.labels, n_bins=15)
    assert found == pytest.approx(known, abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_golden_debiased_error_of_its_authors(golden, n_bins):
    """They cut it off at 0. Not case C: they keep equal confidences together."""
    key = "verified_calibration lower_bound_scaling_top_ce p=2 debias (equal-mass)"
    found = debiased_squared_error(golden.probs, golden.labels, n_bins=n_bins)
    assert sqrt(max(found, 0)) == pytest.approx(golden.facts["ece"][str(n_bins)][key], abs=1e-7)


def test_of_a_calibrated_model_it_is_0_on_average():
    """What it corrects is .0142 on average here; the standard error of the mean is .0002."""
    rng = np.random.default_rng(0)
    probs = binary(*rng.uniform(0.5, 1, 150))
    debiased, plain = [], []
    for _ in range(400):
        labels = (rng.random(150) > probs[:, 0]).astype(int)
        debiased.append(debiased_squared_error(probs, labels, n_bins=15))
        root = root_mean_square_calibration_error(probs, labels, n_bins=15, mode="mass")
        plain.append(root**2)
    error = np.std(debiased) / np.sqrt(400)
    assert abs(np.mean(debiased)) < 4 * error
    assert np.mean(plain) > 40 * error


@pytest.mark.parametrize(("n", "n_bins"), [(1, 15), (4, 15), (15, 15)])
def test_groups_of_one_document_add_nothing(n, n_bins):
    probs = binary(*np.linspace(0.6, 0.9, n))
    assert debiased_squared_error(probs, np.zeros(n, int), n_bins=n_bins) == 0


def test_three_documents_in_two_groups_by_hand():
    """.6 and .7, one of them right, are a group; .9 is one of its own."""
    found = debiased_squared_error(binary(0.9, 0.6, 0.7), [0, 0, 1], n_bins=2)
    assert found == pytest.approx(2 / 3 * ((0.5 - 0.65) ** 2 - 0.25))


@pytest.mark.parametrize(("label", "square"), [(0, 0.04), (1, 0.64)])
def test_all_right_or_all_wrong_has_no_variance(label, square):
    assert debiased_squared_error(binary(*[0.8] * 6), [label] * 6, n_bins=3) == pytest.approx(
        square
    )


def test_the_root_keeps_the_sign():
    assert [signed_root(x) for x in (0.04, -0.04, 0.0)] == pytest.approx([0.2, -0.2, 0.0])
