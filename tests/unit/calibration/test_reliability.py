import numpy as np
import pytest

from prefprop_cli.calibration.bins import BinSums
from prefprop_cli.calibration.reliability import reliability_bins
from prefprop_cli.stats.intervals import wilson_interval


def in_one_bin(n, confidence, hits):
    """Ten bins, of which the last holds n documents."""
    count, gap, right = (np.zeros(10) for _ in range(3))
    count[-1], gap[-1], right[-1] = n, hits - n * confidence, hits
    *others, last = reliability_bins(BinSums(count.astype(int), gap, right.astype(int)))
    for k, empty in enumerate(others):
        assert (empty.lower, empty.upper, empty.count) == (k / 10, (k + 1) / 10, 0)
        figures = (empty.confidence, empty.accuracy, empty.interval, empty.band)
        assert figures == (None, None, None, None)
    return last


def test_a_bin_keeps_its_figures_and_gets_the_interval_of_its_accuracy():
    found = in_one_bin(40, 0.95, 25)
    assert (found.lower, found.upper, found.count) == (0.9, 1.0, 40)
    assert (found.confidence, found.accuracy) == (pytest.approx(0.95), 0.625)
    assert found.interval == wilson_interval(25, 40)


@pytest.mark.parametrize(("n", "confidence"), [(3, 0.5), (40, 0.71), (900, 0.97), (5, 1.0)])
def test_calibrated_models_lie_in_the_band(n, confidence):
    """Drawn ones do in at least 95 % of cases, and in fewer where it is a step narrower."""
    band = in_one_bin(n, confidence, 0).band
    right = np.random.default_rng(0).binomial(n, confidence, 20_000) / n
    assert np.mean((right >= band.low - 1e-9) & (right <= band.high + 1e-9)) > 0.947
    assert np.mean(right < band.low + 1e-9) > 0.025 or band.low == 0
    assert np.mean(right > band.high - 1e-9) > 0.02 or band.high == 1
