import numpy as np
import pytest
from hypothesis import given, settings

from prefprop_cli.calibration.calibrators.isotonic import Isotonic
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import CorruptFileError
from tests.helpers.recalibration import confused, labelled_logits, of_scikit_learn


def pooled(claims, outcomes):
    """The rising fit to outcomes: neighbours that fall are pooled until none does."""
    claims, pools = np.round(claims, 14).tolist(), []  # what only rounding tells apart is level
    for claim in sorted(set(claims)):
        same = [o for c, o in zip(claims, outcomes, strict=True) if c == claim]
        pools.append([sum(same), len(same), [claim]])
        while len(pools) > 1 and pools[-2][0] * pools[-1][1] >= pools[-1][0] * pools[-2][1]:
            total, n, members = pools.pop()
            pools[-1] = [pools[-1][0] + total, pools[-1][1] + n, pools[-1][2] + members]
    fit = {claim: total / n for total, n, members in pools for claim in members}
    return np.array([fit[claim] for claim in claims])


@settings(max_examples=25)
@given(labelled_logits())
def test_shares_are_pooled_until_they_rise(case):
    logits, labels = case
    probs, (n, n_classes) = softmax(logits), logits.shape
    classes = [1] if n_classes == 2 else range(n_classes)
    columns = [
        pooled(probs[:, k], labels == k).clip(1 / (n + n_classes), (n + 1) / (n + n_classes))
        for k in classes
    ]
    if n_classes == 2:
        columns = [1 - columns[0], columns[0]]
    expected = np.column_stack(columns) / np.sum(columns, axis=0)[:, None]
    assert Isotonic.fit(logits, labels)(logits) == pytest.approx(expected, abs=1e-9)


def test_two_classes_as_in_scikit_learn():
    logits, labels = confused(n_classes=2)
    expected = of_scikit_learn("isotonic", logits, labels)
    least = 1 / (len(labels) + 2)
    found = Isotonic.fit(logits, labels)(logits)
    assert found == pytest.approx(expected.clip(least, 1 - least), abs=1e-9)


def test_between_knots_it_is_straight_and_beyond_them_level():
    found = Isotonic(((0.2, 0.6),), ((0.1, 0.5),))
    claims = np.array([0.0, 0.2, 0.3, 0.6, 0.9])
    with np.errstate(divide="ignore"):
        logits = np.log(np.column_stack([1 - claims, claims])).clip(-100)
    assert found(logits)[:, 1] == pytest.approx([0.1, 0.1, 0.2, 0.5, 0.5])


def test_ten_right_documents_leave_a_doubt():
    found = Isotonic.fit([[0.0, 3.0]] * 10, [1] * 10)
    assert found([[0.0, 3.0]])[0, 1] == pytest.approx(11 / 12)


@pytest.mark.parametrize(
    ("claims", "shares"),
    [
        ([[0.1, 0.2]], [[0.1]]),
        ([[0.2, 0.1]], [[0.1, 0.2]]),
        ([[0.1, 0.2]], [[0.2, 0.1]]),
        ([[0.1]], [[0.0]]),
        ([[]], [[]]),
        ([[0.1]] * 2, [[0.1]] * 2),
        ([[0.1]], [[0.1]] * 3),
    ],
)
def test_a_stored_curve_rises_and_is_never_certain(claims, shares):
    with pytest.raises(CorruptFileError):
        Isotonic.from_dict({"claims": claims, "shares": shares})
