import json
from dataclasses import asdict
from fractions import Fraction
from math import ceil, inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prefprop_cli.calibration.conformal import (
    RAPS_FREE_RANKS,
    RAPS_PENALTY,
    SCORES,
    Conformal,
    conformal_report,
    fit_conformal,
)
from prefprop_cli.calibration.predictions import Predictions, softmax
from prefprop_cli.errors import DataError, UsageError
from tests.helpers.predicted import predicted, reordered

METHODS = sorted(SCORES)
ALPHAS = ["0.05", "0.1", "0.29", "0.3", "0.5", "0.9"]


def score(method, probs, k):
    """The definition, class by class, of one document; probabilities are multiples of 1/64."""
    if probs[k] == 0:
        return inf
    if method == "lac":
        return 1 - probs[k]
    before = [p for p in probs if p > probs[k]]
    penalty = RAPS_PENALTY * max(0, len(before) + 1 - RAPS_FREE_RANKS)
    return sum(before) + (penalty if method == "raps" else 0)


def binary(*confidences):
    """Documents of class 0 with these probabilities."""
    return Predictions.from_probs([[p, 1 - p] for p in confidences], [0] * len(confidences))


def world(rng, n, n_classes=5):
    """Exchangeable documents of a model that is sure of itself and often wrong."""
    logits = rng.normal(size=(n, n_classes))
    labels = (rng.random((n, 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)
    return Predictions.from_logits(3 * logits + rng.normal(size=(n, n_classes)), labels)


# --- the definition


@pytest.mark.parametrize("method", METHODS)
@given(predicted(max_n=15, min_classes=1), predicted(max_n=10), st.sampled_from(ALPHAS))
def test_threshold_and_sets_equal_loops(method, validation, test, alpha):
    pairs = zip(validation.probs, validation.labels, strict=True)
    scores = sorted(score(method, probs, label) for probs, label in pairs)
    rank = ceil((len(scores) + 1) * (1 - Fraction(alpha)))
    threshold = scores[rank - 1] if rank <= len(scores) else inf
    fitted = fit_conformal(validation, method=method, alpha=float(alpha))
    assert fitted.threshold == threshold
    expected = [
        [probs[k] > 0 and score(method, probs, k) <= threshold for k in range(len(probs))]
        for probs in test.probs
    ]
    assert np.array_equal(fitted.sets(test.probs), expected)


def test_scores_by_hand():
    ranked = np.array([[0.5, 0.25, 0.25, 0.0]])
    found = {method: SCORES[method](ranked)[0].tolist() for method in METHODS}
    assert found["lac"] == [0.5, 0.75, 0.75, 1.0]
    assert found["aps"] == [0.0, 0.5, 0.75, 1.0]
    assert found["raps"] == pytest.approx([0.0, 0.51, 0.77, 1.03])


def test_nine_documents_at_a_tenth_may_miss_one():
    """ceil(10 · 0.9) = 9: the largest of nine scores, 1 - 0.1."""
    fitted = fit_conformal(binary(*np.arange(1, 10) / 10), method="lac", alpha=0.1)
    assert fitted.threshold == 0.9
    sets = fitted.sets([[0.95, 0.05], [0.5, 0.5], [0.1, 0.9]])
    assert sets.tolist() == [[True, False], [True, True], [True, True]]


def test_the_decimal_that_was_written_counts():
    """100 · 0.29 is 28.999… in floats: 29 of 100 documents may be missed, not 28."""
    validation = binary(*np.arange(1, 100) / 100)
    fitted = fit_conformal(validation, method="lac", alpha=0.29)
    assert fitted.threshold == 1 - 0.29


@pytest.mark.parametrize(("alpha", "n"), [(0.1, 9), (0.05, 19), (0.01, 99), (0.3, 3), (0.5, 1)])
@pytest.mark.parametrize("method", METHODS)
def test_too_few_documents_make_every_set_full(method, alpha, n):
    validation = binary(*[0.75] * n)
    enough = fit_conformal(validation, method=method, alpha=alpha)
    assert (enough.n_needed, enough.threshold < inf) == (n, True)
    if n == 1:
        return
    few = fit_conformal(binary(*[0.75] * (n - 1)), method=method, alpha=alpha)
    assert few.threshold == inf
    assert few.sets([[0.999, 0.001], [0.5, 0.5]]).all()
    report = conformal_report(few, validation)
    assert (report.threshold, report.coverage, report.mean_size) == (None, 1, 2)
    assert (report.range.low, report.range.high) == (1, 1)


def test_many_documents_are_those_of_a_few_at_a_time():
    test = world(np.random.default_rng(0), 10_000)
    fitted = fit_conformal(test, method="lac", alpha=0.1)
    own = np.sort(1 - test.probs[np.arange(10_000), test.labels])
    assert fitted.threshold == own[9000]  # ceil(10,001 · 0.9) = 9,001
    parts = [fitted.sets(test.probs[rows]) for rows in (slice(0, 100), slice(100, None))]
    assert np.array_equal(fitted.sets(test.probs), np.concatenate(parts))


# --- what a set may hold


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_fit", [1, 40])
def test_a_candidate_that_is_not_there_is_in_no_set(method, n_fit):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n_fit, 4))
    logits[:, 2:] = -np.inf
    validation = Predictions.from_logits(logits, rng.integers(0, 2, n_fit))
    sets = fit_conformal(validation, method=method, alpha=0.1).sets(validation.probs)
    assert not sets[:, 2:].any()
    assert sets[:, :2].any()


@pytest.mark.parametrize("method", METHODS)
def test_labels_that_were_ruled_out_leave_only_full_sets(method):
    validation = Predictions.from_probs([[1.0, 0.0]] * 10 + [[0.0, 1.0]] * 10, [0] * 20)
    fitted = fit_conformal(validation, method=method, alpha=0.1)
    assert fitted.threshold == inf
    assert fitted.sets([[0.9, 0.1], [1.0, 0.0]]).tolist() == [[True, True], [True, False]]


@given(predicted(max_n=30), predicted(max_n=10), st.sampled_from(["aps", "raps"]))
def test_adaptive_sets_hold_the_prediction(validation, test, method):
    sets = fit_conformal(validation, method=method, alpha=0.5).sets(test.probs)
    assert sets[np.arange(len(sets)), test.probs.argmax(axis=1)].all()


def test_least_ambiguous_sets_may_be_empty():
    fitted = fit_conformal(binary(*[0.9] * 20), method="lac", alpha=0.1)
    report = conformal_report(fitted, binary(0.95, 0.9, 0.6, 0.05))
    assert report.size_counts == (1, 3, 0)  # at .6 neither class reaches .9; at .05 the other does
    assert (report.empty_share, report.mean_size, report.coverage) == (0.25, 0.75, 0.5)


@pytest.mark.parametrize("method", METHODS)
@given(predicted(max_n=30), predicted(max_n=10), st.sampled_from(ALPHAS), st.sampled_from(ALPHAS))
def test_sets_are_nested_in_alpha(method, validation, test, first, second):
    strict, loose = sorted([float(first), float(second)])
    large, small = (
        fit_conformal(validation, method=method, alpha=alpha).sets(test.probs)
        for alpha in (strict, loose)
    )
    assert (large >= small).all()


@pytest.mark.parametrize("method", METHODS)
@given(predicted(max_n=30), st.randoms(use_true_random=False))
def test_neither_order_nor_names_matter(method, predictions, random):
    n, n_classes = predictions.probs.shape
    fitted = fit_conformal(predictions, method=method, alpha=0.3)
    order = np.array(random.sample(range(n), n))
    assert fit_conformal(reordered(predictions, order), method=method, alpha=0.3) == fitted
    names = np.array(random.sample(range(n_classes), n_classes))
    sets = fitted.sets(predictions.probs)
    assert np.array_equal(fitted.sets(predictions.probs[:, names]), sets[:, names])
    assert np.array_equal(fitted.sets(predictions.probs[order]), sets[order])


@pytest.mark.parametrize("method", METHODS)
def test_one_class_is_in_every_set(method):
    only = Predictions.from_probs(np.ones((12, 1)), np.zeros(12, int))
    report = conformal_report(fit_conformal(only, method=method, alpha=0.1), only)
    assert (report.coverage, report.size_counts) == (1, (0, 12))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("right", [True, False])
def test_all_right_or_all_wrong_and_sure(method, right):
    probs, labels = np.tile([0.75, 0.25], (20, 1)), np.full(20, 0 if right else 1)
    predictions = Predictions.from_probs(probs, labels)
    report = conformal_report(fit_conformal(predictions, method=method, alpha=0.1), predictions)
    assert report.coverage == 1
    assert report.size_counts == ((0, 20, 0) if right else (0, 0, 20))


# --- coverage


@pytest.mark.parametrize("method", METHODS)
def test_coverage_over_sets_to_fit_on_is_the_beta_law(method):
    """Scores without ties: 150 sets of 60 documents to fit on, coverage on 3,000 others.

    Without ties because alpha is far below the share of wrong predictions.
    """
    rng = np.random.default_rng(0)
    test, alpha, n_fit = world(rng, 3000), 0.2, 60
    n_missed = 12  # floor(61 · 0.2)
    coverages = []
    for _ in range(150):
        fitted = fit_conformal(world(rng, n_fit), method=method, alpha=alpha)
        coverages.append(fitted.sets(test.probs)[np.arange(3000), test.labels].mean())
    report = conformal_report(fitted, test)
    law = stats.beta(n_fit + 1 - n_missed, n_missed)
    assert test.right.mean() < 0.6
    assert np.mean(coverages) == pytest.approx(law.mean(), abs=0.012)
    assert np.std(coverages) == pytest.approx(law.std(), rel=0.15)
    assert (report.range.low, report.range.high) == pytest.approx(law.interval(0.95))
    inside = [report.range.low <= coverage <= report.range.high for coverage in coverages]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.035)


def test_coverage_and_its_binomial_interval():
    fitted = Conformal(method="lac", alpha=0.1, n_fit=50, threshold=0.5)
    report = conformal_report(fitted, binary(*[0.9] * 17, *[0.2] * 3))
    assert (report.n, report.coverage) == (20, 0.85)
    low, high = report.interval.low, report.interval.high
    assert stats.binom.sf(16, 20, low) == pytest.approx(0.025)
    assert stats.binom.cdf(17, 20, high) == pytest.approx(0.025)


def test_report_is_json():
    predictions = world(np.random.default_rng(0), 30)
    report = asdict(
        conformal_report(fit_conformal(predictions, method="raps", alpha=0.1), predictions)
    )
    text = json.dumps(report, allow_nan=False)
    assert json.loads(text) == {**report, "size_counts": list(report["size_counts"])}
    assert sum(report["size_counts"]) == 30


# --- bad input


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, float("nan")])
def test_an_alpha_that_is_no_share_is_refused(alpha):
    with pytest.raises(UsageError, match="alpha"):
        fit_conformal(binary(0.9), method="lac", alpha=alpha)


@pytest.mark.parametrize("probs", [[[2.0, -1.0]], [[0.5, np.nan]], [[3.0, 4.0]], np.empty((0, 2))])
def test_sets_of_what_is_no_probability_are_refused(probs):
    fitted = fit_conformal(binary(*[0.9] * 20), method="lac", alpha=0.1)
    with pytest.raises(DataError):
        fitted.sets(probs)
