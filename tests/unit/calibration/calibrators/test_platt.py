import numpy as np
import pytest

from prefprop_cli.calibration.calibrators.platt import Platt
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import CorruptFileError
from tests.helpers.recalibration import confused, log_loss, of_scikit_learn


def test_two_classes_as_in_scikit_learn():
    logits, labels = confused(n_classes=2)
    found = Platt.fit(logits, labels)
    assert len(found.slopes) == 1
    assert found(logits) == pytest.approx(of_scikit_learn("sigmoid", logits, labels), abs=1e-4)


def test_no_other_line_does_better():
    logits, labels = confused(80, n_classes=2)
    odds, n_yes = logits[:, 1] - logits[:, 0], labels.sum()
    yes = [(n_yes + 1) / (n_yes + 2) if k else 1 / (len(labels) - n_yes + 2) for k in labels]

    def loss(slope, offset):
        return log_loss([(0.0, slope * d + offset) for d in odds], [(1 - t, t) for t in yes])

    found = Platt.fit(logits, labels)
    slope, offset = found.slopes[0], found.offsets[0]
    for other in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3), (0.1, -0.1)):
        assert loss(slope + other[0], offset + other[1]) > loss(slope, offset)


def test_more_classes_are_each_against_the_rest():
    logits, labels = confused(n_classes=3)
    probs = softmax(logits)
    shares = np.empty_like(probs)
    for k in range(3):
        odds = np.log(probs[:, k] / (1 - probs[:, k]))
        binary = Platt.fit(np.column_stack([np.zeros_like(odds), odds]), (labels == k).astype(int))
        shares[:, k] = 1 / (1 + np.exp(-(binary.slopes[0] * odds + binary.offsets[0])))
    expected = shares / shares.sum(axis=1, keepdims=True)
    assert Platt.fit(logits, labels)(logits) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("factor", [1e-9, 1e-3, 300.0, 1e9])
def test_the_size_of_the_logits_does_not_matter(factor):
    logits, labels = confused(n_classes=2)
    one, other = Platt.fit(logits, labels), Platt.fit(factor * logits, labels)
    assert other.slopes[0] == pytest.approx(one.slopes[0] / factor, rel=1e-7)
    assert other.offsets == pytest.approx(one.offsets, rel=1e-7)


def test_documents_all_right_leave_a_doubt():
    """The sharpest line says what is aimed at: 11/12 for ten of ten."""
    logits, labels = np.array([[4.0, 0.0], [0.0, 4.0]] * 10), [0, 1] * 10
    assert Platt.fit(logits, labels)(logits).max(axis=1) == pytest.approx(np.full(20, 11 / 12))


def test_what_it_says_of_itself():
    assert str(Platt((0.5,), (-0.25,))) == "log-odds times 0.5, plus -0.25"
    assert str(Platt((0.5, 1.0, 2.0), (0.0, 1.0, 3.0))) == "slopes 0.5 to 2, offsets 0 to 3"


@pytest.mark.parametrize("n", [0, 2])
def test_a_stored_line_is_of_a_number_of_classes(n):
    with pytest.raises(CorruptFileError):
        Platt.from_dict({"slopes": [1.0] * n, "offsets": [0.0] * n})
