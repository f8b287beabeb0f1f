import json

import numpy as np
import pytest

from prefprop_cli.calibration.null import Null, expected_null_error
from tests.helpers.calibration import binary, expected_calibration_error


def test_null_of_one_document():
    """One document of confidence p errs by 1 - p with chance p, else by p: mean 2p(1 - p)."""
    null = expected_null_error(np.array([0.8]), n_resamples=20_000)
    assert np.unique(null.errors) == pytest.approx([0.2, 0.8])
    assert null.mean == pytest.approx(0.32, abs=0.01)
    assert null.p95 == pytest.approx(0.8)


@pytest.mark.parametrize("n_bins", [1, 15, 100])
@pytest.mark.parametrize("mode", ["guo", "mass", "paper"])
def test_each_draw_is_the_error_of_a_model_that_is_right_as_often_as_it_claims(mode, n_bins):
    confidence = np.sort(np.random.default_rng(0).uniform(0.5, 1, 60))
    rng = np.random.default_rng(7)
    expected = []
    for _ in range(20):
        labels = (rng.random(60) >= confidence).astype(int)
        error = expected_calibration_error(binary(*confidence), labels, n_bins=n_bins, mode=mode)
        expected.append(error)
    null = expected_null_error(confidence[::-1], n_bins=n_bins, mode=mode, n_resamples=20, seed=7)
    assert null.errors == pytest.approx(expected, abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("n", [65, 645, 1000, 5000])
@pytest.mark.parametrize("n_bins", [10, 15, 100])
def test_golden_null(shared, n, n_bins):
    """The file does not say of which n confidences: draws of ½ + ½ Beta(4, 1.2) fit its figures.

    What they give differs from draw to draw, by 10 % at n = 65 and 3 % at n = 5000.
    """
    facts = json.loads((shared / "golden" / "calibration" / "null_bias.json").read_text())
    known = facts[f"n={n},bins={n_bins}"]
    rng = np.random.default_rng(0)
    drawn = []
    for seed in range(12):
        confidence = 0.5 + 0.5 * rng.beta(4, 1.2, n)
        null, mass, paper = (
            expected_null_error(confidence, n_bins=n_bins, mode=mode, n_resamples=100, seed=seed)
            for mode in ("guo", "mass", "paper")
        )
        drawn.append([null.mean, null.p95, mass.mean, paper.mean])
    names = ("ECE_mean", "ECE_p95", "equal_mass_mean", "paper_upper_edge_mean")
    for name, mean, sd in zip(names, np.mean(drawn, 0), np.std(drawn, 0, ddof=1), strict=True):
        assert abs(mean - known[name]) < 4 * sd, name
        assert sd < 0.15 * mean


def test_null_is_seeded():
    confidence = np.random.default_rng(0).uniform(0.5, 1, 30)
    first, same, other = (
        expected_null_error(confidence, n_resamples=50, seed=s) for s in (1, 1, 2)
    )
    assert np.array_equal(first.errors, same.errors)
    assert not np.array_equal(first.errors, other.errors)


def test_p_value_counts_the_observation_itself():
    null = Null(np.array([0.1, 0.2, 0.3]))
    assert [null.p_value(e) for e in (0.05, 0.2, 0.9)] == [1.0, 0.75, 0.25]
