import numpy as np

from prefprop_cli.calibration.calibrators.base import Identity
from prefprop_cli.calibration.predictions import softmax


def test_nothing_changes():
    logits = np.array([[1.0, 2.0, -np.inf], [0.1, 0.2, 0.3]])
    found = Identity.fit(logits, [0, 1])
    assert np.array_equal(found.logits(logits), logits)
    assert np.array_equal(found(logits), softmax(logits))
    assert str(found) == "unchanged"
