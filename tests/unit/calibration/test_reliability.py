import numpy as np
import pytest

from prefprop_cli.calibration.binning import Bin
from prefprop_cli.calibration.reliability import reliability_bin
from prefprop_cli.stats.intervals import wilson_interval


def test_a_bin_keeps_its_figures_and_gets_the_interval_of_its_accuracy():
    found = reliability_bin(Bin(0.6, 0.8, 40, 0.71, 0.625))
    assert (found.lower, found.upper, found.count) == (0.6, 0.8, 40)
    assert (found.confidence, found.accuracy) == (0.71, 0.625)
    assert found.interval == wilson_interval(25, 40)


@pytest.mark.parametrize(("n", "confidence"), [(3, 0.5), (40, 0.71), (900, 0.97), (5, 1.0)])
def test_calibrated_models_lie_in_the_band(n, confidence):
    """Drawn ones do in at least 95 % of cases, and in fewer where it is a step narrower."""
    band = reliability_bin(Bin(0.0, 1.0, n, confidence, 0.4)).band
    right = np.random.default_rng(0).binomial(n, confidence, 20_000) / n
    assert np.mean((right >= band.low - 1e-9) & (right <= band.high + 1e-9)) > 0.947
    assert np.mean(right < band.low + 1e-9) > 0.025 or band.low == 0
    assert np.mean(right > band.high - 1e-9) > 0.02 or band.high == 1


def test_an_empty_bin_has_no_figures():
    found = reliability_bin(Bin(0.0, 0.1, 0, float("nan"), float("nan")))
    assert (found.confidence, found.accuracy, found.interval, found.band) == (None,) * 4
