import numpy as np
import pytest
from hypothesis import given, settings

from prefprop_cli.calibration.calibrators.histogram import Histogram
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import CorruptFileError
from tests.helpers.recalibration import confused, labelled_logits


def shares_in_bins(claims, outcomes, n_classes):
    """Ten bins of like size by rank, a value that two bins share in the upper one."""
    ranked = sorted(claims)
    bounds = [group[0] for group in np.array_split(ranked, 10) if len(group)]
    shares = []
    for claim in claims:
        inside = [
            outcome
            for other, outcome in zip(claims, outcomes, strict=True)
            if sum(b <= other for b in bounds) == sum(b <= claim for b in bounds)
        ]
        shares.append((sum(inside) + 1) / (len(inside) + n_classes))
    return np.array(shares)


@settings(max_examples=40, deadline=None)
@given(labelled_logits())
def test_shares_are_counted_in_bins(case):
    logits, labels = case
    probs, n_classes = softmax(logits), logits.shape[1]
    classes = [1] if n_classes == 2 else range(n_classes)
    columns = [shares_in_bins(probs[:, k], labels == k, n_classes) for k in classes]
    if n_classes == 2:
        columns = [1 - columns[0], columns[0]]
    expected = np.column_stack(columns) / np.sum(columns, axis=0)[:, None]
    assert Histogram.fit(logits, labels)(logits) == pytest.approx(expected, abs=1e-12)


def test_bins_hold_as_many_documents_each():
    logits, labels = confused(100, 2)
    found = Histogram.fit(logits, labels)
    index = np.searchsorted(found.edges[0], softmax(logits)[:, 1], "right")
    assert np.bincount(index).tolist() == [10] * 10
    assert str(found) == "bins: 10"


def test_equal_probabilities_share_a_bin():
    found = Histogram.fit([[0.0, 1.0]] * 27 + [[0.0, 2.0]] * 3, [1] * 27 + [0] * 3)
    assert [len(shares) for shares in found.shares] == [2]
    assert found([[0.0, 1.0], [0.0, 2.0]])[:, 1] == pytest.approx([28 / 29, 1 / 5])


@pytest.mark.parametrize(
    ("edges", "shares"),
    [
        ([[0.5]], [[0.1]]),
        ([[0.5, 0.4]], [[0.1, 0.2, 0.3]]),
        ([[0.5]], [[0.1, 1.0]]),
        ([[0.5]] * 2, [[0.1, 0.2]] * 2),
        ([], []),
    ],
)
def test_a_stored_histogram_has_a_share_for_each_bin(edges, shares):
    with pytest.raises(CorruptFileError):
        Histogram.from_dict({"edges": edges, "shares": shares})
