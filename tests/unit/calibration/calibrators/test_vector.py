import numpy as np
import pytest

from prefprop_cli.calibration.calibrators.temperature import Temperature
from prefprop_cli.calibration.calibrators.vector import Vector
from prefprop_cli.calibration.predictions import negative_log_likelihood
from prefprop_cli.errors import CorruptFileError
from tests.helpers.recalibration import confused, log_loss


def objective(found, logits, labels):
    """NLL and prior, in plain loops."""
    rows = [
        [s * z + b for s, z, b in zip(found.scales, row, found.offsets, strict=True)]
        for row in logits.tolist()
    ]
    distance = sum((s - 1) ** 2 for s in found.scales) + sum(b**2 for b in found.offsets)
    return log_loss(rows, np.eye(logits.shape[1])[labels]) + distance / 2 / len(labels)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_no_other_vector_does_better(n_classes):
    logits, labels = confused(120, n_classes)
    found = Vector.fit(logits, labels)
    best, rng = objective(found, logits, labels), np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        for _ in range(10):
            step = size * rng.normal(size=(2, n_classes))
            other = Vector(*(np.array([found.scales, found.offsets]) + step).tolist())
            assert objective(other, logits, labels) > best


def test_scales_and_offsets_are_applied_to_their_class():
    found = Vector((2.0, 0.5), (0.25, -1.0)).logits([[3.0, 4.0], [0.0, 1.0]])
    assert found.tolist() == [[6.25, 1.0], [0.25, -0.5]]


def test_known_scales_and_offsets_are_found_again():
    """Labels drawn from calibrated logits, which are then scaled and shifted by class."""
    rng = np.random.default_rng(0)
    calibrated = 2 * rng.normal(size=(20_000, 3))
    labels = (calibrated + rng.gumbel(size=calibrated.shape)).argmax(axis=1)
    scales, offsets = np.array([0.5, 0.3, 1.1]), np.array([0.4, 0.0, -0.4])
    found = Vector.fit((calibrated - offsets) / scales, labels)
    assert found.scales == pytest.approx(scales, abs=0.05)
    assert found.offsets == pytest.approx(offsets, abs=0.05)


def test_it_does_better_than_a_temperature_where_classes_differ():
    logits, labels = confused(400)
    losses = [
        negative_log_likelihood(method.fit(logits, labels).logits(logits), labels)
        for method in (Temperature, Vector)
    ]
    assert losses[1] < losses[0] - 0.01


def test_a_class_without_documents_has_an_optimum():
    found = Vector.fit(*(part[:20] for part in (np.eye(3)[[0, 1] * 10], np.array([0, 1] * 10))))
    assert found.offsets[2] < 0
    assert np.isfinite([*found.scales, *found.offsets]).all()


def test_a_stored_vector_is_whole():
    with pytest.raises(CorruptFileError, match="as many offsets as scales"):
        Vector.from_dict({"scales": [1.0, 2.0], "offsets": [0.0]})
