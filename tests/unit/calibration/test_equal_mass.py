import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.ece import expected_calibration_error
from prefprop_cli.calibration.equal_mass import (
    group_starts,
    ranked,
)
from tests.helpers.calibration import (
    binary,
    predictions,
    tied_predictions,
    top_label,
)


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


def test_order_of_equal_confidences_at_a_cut_matters_and_is_that_of_the_documents():
    probs = binary(0.8, 0.8, 0.8, 0.8)
    first, other = (
        expected_calibration_error(probs, labels, n_bins=2, mode="mass")
        for labels in ([0, 0, 1, 1], [0, 1, 0, 1])
    )
    assert (first, other) == (pytest.approx((0.2 + 0.8) / 2), pytest.approx(0.3))
