import numpy as np
import pytest

from prefprop_cli.calibration.calibrators.dirichlet import Dirichlet
from prefprop_cli.calibration.calibrators.vector import Vector
from prefprop_cli.calibration.ece import negative_log_likelihood
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import CorruptFileError
from tests.helpers.recalibration import confused, log_loss


def objective(found, logits, labels):
    """NLL and priors, in plain loops."""
    n_classes, rows = logits.shape[1], []
    for logs in np.log(softmax(logits)).tolist():
        rows.append(
            [
                offset + sum(w * x for w, x in zip(weights, logs, strict=True))
                for weights, offset in zip(found.matrix, found.offsets, strict=True)
            ]
        )
    prior = sum(offset**2 for offset in found.offsets)
    for i in range(n_classes):
        for j in range(n_classes):
            w = found.matrix[i][j]
            prior += (w - 1) ** 2 if i == j else 100 * w**2
    return log_loss(rows, np.eye(n_classes)[labels]) + prior / 2 / len(labels)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_no_other_matrix_does_better(n_classes):
    logits, labels = confused(120, n_classes)
    found = Dirichlet.fit(logits, labels)
    best, rng = objective(found, logits, labels), np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        for _ in range(10):
            matrix = np.array(found.matrix) + size * rng.normal(size=(n_classes, n_classes))
            offsets = np.array(found.offsets) + size * rng.normal(size=n_classes)
            other = Dirichlet(tuple(map(tuple, matrix)), tuple(offsets))
            assert objective(other, logits, labels) > best


def test_the_matrix_is_applied_to_log_probabilities():
    found = Dirichlet(((1.0, 0.5), (0.0, 2.0)), (0.25, -1.0))
    log_probs = np.log([0.2, 0.8])
    expected = [log_probs[0] + 0.5 * log_probs[1] + 0.25, 2 * log_probs[1] - 1]
    assert found.logits([np.log([1.0, 4.0])])[0] == pytest.approx(np.array(expected))


def test_it_learns_which_classes_are_confused():
    """Class 0 is often labelled 1, which no scale of its own logit can say."""
    logits, labels = confused(2000, 4)
    losses = [
        negative_log_likelihood(method.fit(logits, labels).logits(logits), labels)
        for method in (Vector, Dirichlet)
    ]
    assert losses[1] < losses[0] - 0.05


def test_a_stored_matrix_is_square():
    for matrix, offsets in (([[1, 0], [0]], [0, 0]), ([[1, 0], [0, 1]], [0]), ([[1, 0]], [0, 0])):
        with pytest.raises(CorruptFileError, match="not square"):
            Dirichlet.from_dict({"matrix": matrix, "offsets": offsets})
