import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.ece import expected_calibration_error
from prefprop_cli.calibration.equal_mass import (
    group_starts,
    ranked,
    sweep_calibration_error,
    sweep_error,
)
from tests.helpers.calibration import (
    bin_errors,
    binary,
    mass_bins,
    predictions,
    tied_predictions,
    top_label,
)


def in_order(bins):
    shares = [sum(c for _, c in inside) / len(inside) for inside in bins]
    return all(low <= high for low, high in pairwise(shares))


def plain_sweep(pairs):
    """The definition: one group more at a time, until an accuracy falls."""
    n_bins = 1
    while n_bins < len(pairs) and in_order(mass_bins(pairs, n_bins + 1)):
        n_bins += 1
    errors = list(bin_errors(mass_bins(pairs, n_bins)))
    ece = sum(share * error for share, error in errors)
    return n_bins, ece, sum(share * error**2 for share, error in errors) ** 0.5


@given(st.integers(1, 60), st.integers(1, 80))
def test_groups_are_cut_as_numpy_cuts(n, n_groups):
    groups = np.array_split(np.arange(n), min(n_groups, n))
    assert group_starts(n, n_groups).tolist() == [group[0] for group in groups]


@given(st.one_of(predictions(), tied_predictions()))
def test_ranks_are_a_stable_sort(case):
    pairs = top_label(*case)
    confidence, right = (np.array(column) for column in zip(*pairs, strict=True))
    found = ranked(confidence, right.astype(np.int64))
    assert list(zip(found.confidence, found.right, strict=True)) == sorted(
        pairs, key=lambda pair: pair[0]
    )


def test_ranks_of_0_of_1_and_of_what_is_between():
    confidence = np.array([1.0, 0.0, 5e-324, 0.5, np.nextafter(0.5, 1), 0.0])
    found = ranked(confidence, np.array([True, True, False, True, False, True]))
    assert found.confidence.tolist() == sorted(confidence.tolist())
    assert found.right.tolist() == [1, 1, 0, 1, 0, 1]


@given(st.one_of(predictions(), tied_predictions()))
def test_sweep_equals_its_definition(case):
    found = sweep_calibration_error(*case)
    n_bins, ece, rmsce = plain_sweep(top_label(*case))
    assert found.n_bins == n_bins
    assert (found.ece, found.rmsce) == (pytest.approx(ece, abs=1e-12), pytest.approx(rmsce))


@given(st.lists(st.booleans(), min_size=1, max_size=150), st.integers(0, 60), st.integers(0, 60))
def test_sweep_equals_its_definition_where_only_the_middle_is_disordered(middle, before, after):
    """Misses first and hits last: the number of groups becomes large."""
    right = [False] * before + middle + [True] * after
    confidence = np.arange(1, len(right) + 1) / (len(right) + 1)
    found = sweep_error(ranked(confidence, np.array(right)))
    pairs = list(zip(confidence.tolist(), map(float, right), strict=True))
    assert found.n_bins == plain_sweep(pairs)[0]


@pytest.mark.shared
def test_golden_sweep(golden):
    known = golden.facts["reference definitions (this report)"]
    n_bins, ece, rmsce = known["ECE_sweep equal-mass (bins, L1, L2)"]
    found = sweep_calibration_error(golden.probs, golden.labels)
    assert found.n_bins == n_bins
    assert found.ece == pytest.approx(ece, abs=1e-12)
    assert found.rmsce == pytest.approx(rmsce, abs=1e-12)


@pytest.mark.parametrize(("label", "error"), [(0, 0.2), (1, 0.8)])
def test_all_right_or_all_wrong_is_in_order_whatever_the_number(label, error):
    probs = binary(0.7, 0.8, 0.9)
    found = sweep_calibration_error(probs, [label] * 3)
    assert found.n_bins == 3
    assert found.ece == pytest.approx(error)


def test_order_of_equal_confidences_at_a_cut_matters_and_is_that_of_the_documents():
    probs = binary(0.8, 0.8, 0.8, 0.8)
    first, other = (
        expected_calibration_error(probs, labels, n_bins=2, mode="mass")
        for labels in ([0, 0, 1, 1], [0, 1, 0, 1])
    )
    assert (first, other) == (pytest.approx((0.2 + 0.8) / 2), pytest.approx(0.3))


@pytest.mark.parametrize("second_from_below", [True, False])
def test_a_sweep_over_a_million_documents_is_fast(second_from_below):
    """Where few documents are out of order it runs up to n groups."""
    n = 1_000_000
    right = np.ones(n, np.int64)
    right[1 if second_from_below else n // 2] = 0
    start = time.process_time()
    found = sweep_error(ranked(np.arange(1, n + 1) / (n + 1), right))
    assert time.process_time() - start < 3.0
    # n - 1 groups still have the second document beside the first, in the one group of two.
    assert found.n_bins == (n - 1 if second_from_below else 1)
