import json
import time
from dataclasses import asdict
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.selective import MAX_POINTS, risk_coverage
from prefprop_cli.errors import UsageError
from prefprop_cli.stats.intervals import wilson_interval
from tests.helpers.predicted import predicted, reordered

AURC = "AURC (mean risk over coverage 1/n..1, stable sort)"


def documents(*confidence_and_right):
    """Predictions of class 0 with these confidences, right or wrong."""
    probs = [[p, 1 - p] for p, _ in confidence_and_right]
    return Predictions.from_probs(probs, [0 if right else 1 for _, right in confidence_and_right])


def area(order, right):
    """Mean risk of the first 1, 2, …, N documents in an order."""
    return np.mean([np.mean([not right[i] for i in order[: k + 1]]) for k in range(len(order))])


@pytest.mark.shared
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_golden_area(golden):
    curve = risk_coverage(Predictions.from_probs(golden.probs, golden.labels))
    assert curve.aurc == pytest.approx(golden.facts[AURC], abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("golden", ["C_edges20"], indirect=True)
def test_golden_area_of_equal_confidences_is_that_of_one_order_of_the_documents(golden):
    """The known value leaves equal confidences as they stand; here their order has no say."""
    as_they_stand = 0.6 + 0.3 * golden.probs.max(axis=1) - 1e-9 * np.arange(len(golden.labels))
    right = golden.probs.argmax(axis=1) == golden.labels
    curve = risk_coverage(documents(*zip(as_they_stand, right, strict=True)))
    assert curve.aurc == pytest.approx(golden.facts[AURC], abs=1e-12)
    own = risk_coverage(Predictions.from_probs(golden.probs, golden.labels))
    assert own.aurc == pytest.approx(0.3110953950446985, abs=1e-12)  # the mean over all orders


def test_area_of_equal_confidences_is_the_mean_over_their_orders():
    case = [(0.9, True), (0.8, False), (0.8, True), (0.8, True), (0.6, False), (0.6, True)]
    right = [r for _, r in case]
    orders = [
        (0, *middle, *last) for middle in permutations((1, 2, 3)) for last in permutations((4, 5))
    ]
    expected = np.mean([area(order, right) for order in orders])
    assert risk_coverage(documents(*case)).aurc == pytest.approx(expected, abs=1e-15)


def test_documents_of_one_confidence_are_kept_together():
    curve = risk_coverage(documents((0.9, True), (0.7, False), (0.7, True), (0.6, True)))
    assert [asdict(point) for point in curve.points()] == [
        {"coverage": 0.25, "risk": 0.0, "threshold": 0.9},
        {"coverage": 0.75, "risk": 1 / 3, "threshold": 0.7},
        {"coverage": 1.0, "risk": 0.25, "threshold": 0.6},
    ]
    half = curve.at_coverage(0.5)
    assert (half.n, half.coverage, half.accuracy, half.threshold) == (3, 0.75, 2 / 3, 0.7)
    assert half.interval == wilson_interval(2, 3)
    assert curve.at_coverage(0.25).n == 1


def test_accuracy_at_a_coverage_that_is_met_exactly():
    case = [(1 - k / 100, k != 3) for k in range(10)]
    curve = risk_coverage(documents(*case))
    assert [curve.at_coverage(c).n for c in (0.1, 0.3, 0.7, 0.8, 0.9, 1.0)] == [1, 3, 7, 8, 9, 10]
    assert curve.at_coverage(0.3).accuracy == 1.0
    assert curve.at_coverage(0.8).interval == wilson_interval(7, 8)


@pytest.mark.parametrize("coverage", [0, -0.1, 1.1, float("nan")])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(UsageError, match="coverage"):
        risk_coverage(documents((0.9, True))).at_coverage(coverage)


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize(("right", "area"), [(True, 0.0), (False, 1.0)])
def test_all_right_or_all_wrong(n, right, area):
    curve = risk_coverage(documents(*[(0.6 + k / 20, right) for k in range(n)]))
    assert curve.aurc == area
    assert curve.at_coverage(1).accuracy == 1 - area


def test_one_class_is_always_right():
    curve = risk_coverage(Predictions.from_probs(np.ones((3, 1)), [0, 0, 0]))
    assert (curve.aurc, len(curve.points())) == (0, 1)


def test_a_long_curve_is_thinned_between_its_ends():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 5000)
    case = zip(confidence, rng.random(5000) < confidence, strict=True)
    curve = risk_coverage(documents(*case))
    points = curve.points()
    assert len(points) == MAX_POINTS == 200
    assert [points[0].coverage, points[-1].coverage] == [1 / 5000, 1]
    assert max(np.diff([point.coverage for point in points])) < 0.0054
    known = {t: w / k for t, k, w in zip(curve.threshold, curve.n_kept, curve.n_wrong, strict=True)}
    assert all(known[point.threshold] == point.risk for point in points)
    record = [*map(asdict, points), asdict(curve.at_coverage(0.8))]
    assert json.loads(json.dumps(record)) == record


@given(predicted(min_classes=1))
def test_curve_equals_a_loop_over_the_thresholds(predictions):
    confidence, right = predictions.probs.max(1), predictions.probs.argmax(1) == predictions.labels
    points = risk_coverage(predictions).points()
    assert [point.threshold for point in points] == sorted(set(confidence), reverse=True)
    for point in points:
        kept = confidence >= point.threshold
        assert point.coverage == kept.mean()
        assert point.risk == pytest.approx((~right[kept]).mean(), abs=1e-15)


@given(predicted(), st.randoms(use_true_random=False))
def test_order_of_documents_does_not_matter(predictions, random):
    n = len(predictions.labels)
    shuffled = risk_coverage(reordered(predictions, random.sample(range(n), n)))
    expected = risk_coverage(predictions)
    assert shuffled.points() == expected.points()
    assert shuffled.aurc == expected.aurc


@given(predicted())
def test_area_is_a_share(predictions):
    curve = risk_coverage(predictions)
    assert 0 <= curve.aurc <= 1


@given(st.lists(st.booleans(), min_size=1, max_size=50), st.floats(0.5, 1))
def test_area_of_equal_confidences_is_the_error_rate(right, confidence):
    curve = risk_coverage(documents(*[(confidence, r) for r in right]))
    assert curve.aurc == pytest.approx(1 - np.mean(right), abs=1e-15)
    assert len(curve.points()) == 1


@given(predicted(), st.floats(0.01, 1))
def test_selections_equal_a_search(predictions, coverage):
    confidence = predictions.probs.max(1)
    kept = [confidence >= threshold for threshold in sorted(set(confidence), reverse=True)]
    curve = risk_coverage(predictions)
    assert curve.at_coverage(coverage).n == next(k.sum() for k in kept if k.mean() >= coverage)


def test_a_million_documents_take_less_than_a_second():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 1_000_000)
    probs = np.stack([confidence, 1 - confidence], axis=1)
    predictions = Predictions.from_probs(probs, rng.integers(0, 2, 1_000_000))
    start = time.process_time()
    curve = risk_coverage(predictions)
    curve.points(), curve.aurc, curve.at_coverage(0.8)
    assert time.process_time() - start < 1.0
