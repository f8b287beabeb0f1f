import json
import re

import numpy as np
import pytest

from prefprop_cli.calibration.null import (
    NullSummary,
    expected_null_error,
    interpret_change,
    interpret_error,
)
from tests.helpers.calibration import binary, expected_calibration_error


def test_null_of_one_document():
    """One document of confidence p errs by 1 - p with chance p, else by p: mean 2p(1 - p)."""
    errors = expected_null_error(np.array([0.8]), n_resamples=20_000)
    assert np.unique(errors) == pytest.approx([0.2, 0.8])
    null = NullSummary.of(errors, observed=0.5)
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
    found = expected_null_error(confidence[::-1], n_bins=n_bins, mode=mode, n_resamples=20, seed=7)
    assert found == pytest.approx(expected, abs=1e-12)


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
        drawn.append([null.mean(), np.quantile(null, 0.95), mass.mean(), paper.mean()])
    names = ("ECE_mean", "ECE_p95", "equal_mass_mean", "paper_upper_edge_mean")
    for name, mean, sd in zip(names, np.mean(drawn, 0), np.std(drawn, 0, ddof=1), strict=True):
        assert abs(mean - known[name]) < 4 * sd, name
        assert sd < 0.15 * mean


def test_null_is_seeded():
    confidence = np.random.default_rng(0).uniform(0.5, 1, 30)
    first, same, other = (
        expected_null_error(confidence, n_resamples=50, seed=s) for s in (1, 1, 2)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_p_value_counts_the_observation_itself():
    errors = np.array([0.1, 0.2, 0.3])
    found = [NullSummary.of(errors, observed=each).p_value for each in (0.05, 0.2, 0.9)]
    assert found == [1.0, 0.75, 0.25]


def test_worse_than_chance():
    assert interpret_error(0.171, NullSummary(0.071, 0.109, 0.002), n=65) == (
        "0.071 at n = 65 is what a perfectly calibrated model gets on average; "
        "0.171 is worse than 99.8 % of those"
    )


def test_within_chance():
    assert interpret_error(0.081, NullSummary(0.071, 0.109, 0.31), n=65) == (
        "0.081 at n = 65 is within chance: a perfectly calibrated model gets 0.071 on average and "
        "up to 0.109 in 95 % of cases"
    )


def test_too_few_documents_to_say():
    assert interpret_error(0.3, NullSummary(0.21, 0.36, 0.12), n=8) == (
        "0.300 at n = 8 says nothing: a perfectly calibrated model gets up to 0.360 in 95 % of "
        "cases. Take more documents or fewer bins"
    )
    far_off = interpret_error(0.8, NullSummary(0.21, 0.36, 0.0005), n=8)
    assert far_off.endswith("0.800 is worse than 99.9 % of those")


@pytest.mark.parametrize(
    ("p_value", "share"),
    [(0.05, "95.0"), (0.0499, "95.0"), (0.001, "99.9"), (1 / 2001, "99.9"), (1e-9, "99.9")],
)
def test_the_share_is_rounded_down(p_value, share):
    found = interpret_error(0.2, NullSummary(0.05, 0.1, p_value), n=100)
    assert re.search(r"worse than (\S+) %", found)[1] == share


@pytest.mark.parametrize(("p_value", "word"), [(0.05, "worse"), (0.0501, "within chance")])
def test_where_chance_ends(p_value, word):
    assert word in interpret_error(0.11, NullSummary(0.05, 0.1, p_value), n=100)


@pytest.mark.parametrize(("p95", "word"), [(0.1999, "within chance"), (0.2, "says nothing")])
def test_where_nothing_can_be_said(p95, word):
    assert word in interpret_error(0.1, NullSummary(0.09, p95, 0.4), n=20)


@pytest.mark.parametrize(
    ("n", "p95", "p_before", "p_after", "told"),
    [
        (12, 0.28, 0.6, 0.4, "12 documents cannot tell"),
        (19, 0.1, 0.6, 0.4, "19 documents cannot tell"),
        (2000, 0.02, 0.6, 0.4, "both within chance"),
        (12, 0.28, 0.01, 0.4, "within chance now"),
        (2000, 0.02, 0.01, 0.001, "worse than chance still"),
        (2000, 0.02, 0.2, 0.001, "worse than chance now"),
    ],
)
def test_what_calibration_did(n, p95, p_before, p_after, told):
    before, after = (NullSummary(0.01, p95, p_value) for p_value in (p_before, p_after))
    assert interpret_change(before, after, n=n) == told
