import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.smooth import _error_at, _waves, smooth_error
from tests.helpers.calibration import binary, predictions, smooth_calibration_error, top_label

GOLDEN = "smECE relplot (value, bandwidth)"


def error_at_bandwidth(confidence, right, *, bandwidth):
    return _error_at(_waves(confidence, right), bandwidth)


def plain_error(pairs, bandwidth, *, points=2001):
    """The integral by the trapezoid rule, with the images of each document written out."""
    t = np.linspace(0, 1, points)
    curve = np.zeros(points)
    n_images = math.ceil(5 * bandwidth) + 1
    for p, c in pairs:
        for fold in range(-n_images, n_images + 1):
            for image in (2 * fold + p, 2 * fold - p):
                curve += (c - p) * np.exp(-(((t - image) / bandwidth) ** 2) / 2)
    scale = bandwidth * math.sqrt(2 * math.pi) * len(pairs)
    return float(np.trapezoid(np.abs(curve), t)) / scale


@settings(max_examples=25)
@given(predictions(), st.sampled_from([0.01, 0.05, 0.3, 1.5]))
def test_error_at_a_bandwidth_equals_its_definition(case, bandwidth):
    pairs = top_label(*case)
    confidence, right = (np.array(column) for column in zip(*pairs, strict=True))
    found = error_at_bandwidth(confidence, right, bandwidth=bandwidth)
    # The rule of 2,001 points is off by 1e-4 where the curve crosses 0 within a narrow kernel.
    expected = plain_error(pairs, bandwidth, points=20_001)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_error_at_a_small_bandwidth_is_exact_to_the_cells():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 50)
    right = (rng.random(50) < confidence).astype(int)
    pairs = list(zip(confidence, right, strict=True))
    expected = plain_error(pairs, 0.002, points=20_001)
    assert error_at_bandwidth(confidence, right, bandwidth=0.002) == pytest.approx(
        expected, rel=2e-5
    )


@settings(max_examples=20)
@given(predictions())
def test_the_error_is_the_bandwidth_at_which_it_is_measured(case):
    found = smooth_calibration_error(*case)
    split = Predictions.from_probs(*case)
    at = [
        error_at_bandwidth(split.confidence, split.right, bandwidth=factor * found)
        for factor in (0.5, 1.0, 2.0)
    ]
    assert at[1] == pytest.approx(found, abs=1e-10)
    assert at[0] >= at[1] - 1e-12
    assert at[1] >= at[2] - 1e-12


@settings(max_examples=20)
@given(predictions())
def test_the_error_lies_between_those_of_one_bin_and_of_none(case):
    pairs = top_label(*case)
    gaps = [c - p for p, c in pairs]
    found = smooth_calibration_error(*case)
    assert abs(sum(gaps)) / len(gaps) <= found + 1e-9
    # Errors below the width of a cell, 1.5e-5, are known to a part of it.
    assert found <= sum(map(abs, gaps)) / len(gaps) + 1e-6


def as_relplot_evaluates(confidence, gap, bandwidth, *, repaired):
    """relplot 1.0.3: 1,001 nodes or so, a kernel cut at half the range, a mesh for the integral.

    As it is, the reflection leaves out the nodes at 0 and 1, whose image falls on themselves, and
    the mesh of 200 points gives its two ends full weight. `repaired` has neither.
    """
    n_nodes = max(2000, round(20 / bandwidth)) // 2 + 1
    node = np.arange(n_nodes) / (n_nodes - 1)
    place = confidence * (n_nodes - 1)
    left = np.minimum(place.astype(int), n_nodes - 2)

    def smoothed(values):
        cells = np.bincount(left, values * (left + 1 - place), n_nodes)
        cells += np.bincount(left + 1, values * (place - left), n_nodes)
        images = [(node, cells), (-node[1:], cells[1:]), (2 - node[:-1], cells[:-1])]
        if repaired:
            images = [(node, cells), (-node, cells), (2 - node, cells)]
        curve = np.zeros(n_nodes)
        for at, mass in images:
            distance = np.abs(node[:, None] - at)
            kernel = np.exp(-((distance / bandwidth) ** 2) / 2) / bandwidth / math.sqrt(2 * math.pi)
            curve += np.where(distance <= 0.5 + 1e-9, kernel, 0) @ mass
        return curve

    curve, density = smoothed(gap), smoothed(np.ones_like(gap)) + 1e-4
    if repaired:
        return np.trapezoid(np.abs(curve)) / np.trapezoid(density)
    mesh = np.linspace(0, 1, 200)
    return np.abs(np.interp(mesh, node, curve)).sum() / np.interp(mesh, node, density).sum()


@pytest.mark.shared
def test_golden_smooth_error(golden):
    """relplot's own figure to the last digits, and ours where its two slips are repaired."""
    value, bandwidth = golden.facts[GOLDEN]
    split = Predictions.from_probs(golden.probs, golden.labels)
    gap = split.right - split.confidence
    theirs, repaired = (
        as_relplot_evaluates(split.confidence, gap, bandwidth, repaired=repaired)
        for repaired in (False, True)
    )
    assert theirs == pytest.approx(value, abs=1e-12)
    ours = error_at_bandwidth(split.confidence, split.right, bandwidth=bandwidth)
    assert ours == pytest.approx(repaired, rel=1e-3)
    assert abs(ours - repaired) < 0.5 * abs(ours - value)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("golden", "error"),
    [("A_binary65", 0.1425774129), ("B_news20", 0.2089271454), ("C_edges20", 0.1650123656)],
    indirect=["golden"],
)
def test_smooth_errors_of_the_golden_cases(golden, error):
    """The definition's own values: plain integrals at these bandwidths return them."""
    found = smooth_calibration_error(golden.probs, golden.labels)
    assert found == pytest.approx(error, abs=1e-9)
    pairs = top_label(golden.probs, golden.labels)
    assert plain_error(pairs, found) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize(("label", "error"), [(0, 0.0), (1, 1.0)])
@pytest.mark.parametrize("n", [1, 30])
def test_certain_and_all_right_or_all_wrong(n, label, error):
    found = smooth_calibration_error(binary(*[1.0] * n), [label] * n)
    assert found == pytest.approx(error, abs=1e-12)


@pytest.mark.parametrize(("label", "error"), [(0, 0.2), (1, 0.8)])
def test_one_document_errs_by_its_gap(label, error):
    assert smooth_calibration_error(binary(0.8), [label]) == pytest.approx(error, abs=1e-12)


def test_a_million_documents_cost_what_their_sums_cost():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 1_000_000)
    right = (rng.random(1_000_000) < confidence).astype(np.int64)
    start = time.process_time()
    found = smooth_error(confidence, right)
    assert time.process_time() - start < 1.0
    assert 0 < found < 0.005
