import numpy as np
import pytest

from prefprop_cli.calibration.calibrators.one_vs_rest import (
    claimed_odds,
    claimed_probs,
    joined_odds,
    problems,
)
from prefprop_cli.calibration.predictions import softmax

LOGITS = 2 * np.random.default_rng(0).normal(size=(7, 4))


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_odds_are_of_the_probabilities(n_classes):
    logits = LOGITS[:, :n_classes]
    probs = claimed_probs(logits)
    assert probs.shape == (7, 1 if n_classes == 2 else n_classes)
    assert claimed_odds(logits) == pytest.approx(np.log(probs / (1 - probs)))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_odds_are_exact_where_probabilities_are_not(n_classes):
    logits = np.zeros((1, n_classes))
    logits[0, -1] = 800.0
    assert claimed_odds(logits)[0, -1] == pytest.approx(800 - np.log(n_classes - 1))


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_parts_are_joined_and_renormalised(n_classes):
    probs = claimed_probs(LOGITS[:, :n_classes]) ** 2
    whole = np.column_stack([1 - probs, probs]) if n_classes == 2 else probs
    expected = whole / whole.sum(axis=1, keepdims=True)
    assert softmax(joined_odds(np.log(probs / (1 - probs)))) == pytest.approx(expected)


def test_each_curve_has_its_class():
    labels = np.array([0, 1, 2, 3, 3, 0, 1])
    found = list(problems(claimed_probs(LOGITS), labels))
    assert [flags.nonzero()[0].tolist() for _, flags in found] == [[0, 5], [1, 6], [2], [3, 4]]
    ((claims, flags),) = problems(claimed_probs(LOGITS[:, :2]), labels % 2)
    assert np.array_equal(claims, softmax(LOGITS[:, :2])[:, 1])
    assert flags.nonzero()[0].tolist() == [1, 3, 4, 6]
