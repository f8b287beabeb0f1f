import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.errors import DataError
from prefprop_cli.evaluation.calibration import (
    Null,
    brier_score,
    expected_calibration_error,
    expected_null_error,
    maximum_calibration_error,
    negative_log_likelihood,
    reliability_bins,
    softmax,
)

UPPER_CLOSED = "reference upper-closed (a,b]"
PAPER = "reference 'paper' jordyvl/ece: float32, [a,b), bin confidence = UPPER EDGE"


def binary(*confidences):
    """Predictions of class 0 with these confidences."""
    return np.array([[p, 1 - p] for p in confidences])


@st.composite
def predictions(draw):
    n, n_classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = draw(st.sampled_from([0.1, 1.0, 10.0])) * rng.normal(size=(n, n_classes))
    return softmax(logits), rng.integers(0, n_classes, n)


def loop_over_bins(probs, labels, n_bins):
    """The definition, bin by bin: (weight, |accuracy - confidence|) of the non-empty ones."""
    confidence, right = probs.max(1), probs.argmax(1) == labels
    for k in range(n_bins):
        inside = (k / n_bins < confidence) & (confidence <= (k + 1) / n_bins)
        if inside.any():
            yield inside.mean(), abs(right[inside].mean() - confidence[inside].mean())


# --- against other libraries


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
def test_golden_expected_calibration_error(golden, n_bins):
    facts = golden.facts["ece"][str(n_bins)]
    error = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins)
    assert error == pytest.approx(facts[UPPER_CLOSED], abs=1e-12)
    paper = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins, mode="paper")
    assert paper == pytest.approx(facts[PAPER], abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_golden_maximum_calibration_error(golden, n_bins):
    """Not case C: netcal closes its bins below, and C lies on the edges."""
    known = golden.facts["ece"][str(n_bins)]["netcal MCE on (confidence,correct)"]
    error = maximum_calibration_error(golden.probs, golden.labels, n_bins=n_bins)
    assert error == pytest.approx(known, abs=1e-12)


@pytest.mark.shared
def test_golden_brier_score(golden):
    known = golden.facts["brier multiclass sum-over-classes mean (0..2)"]
    assert brier_score(golden.probs, golden.labels) == pytest.approx(known, abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_golden_negative_log_likelihood(golden):
    """Not case C: scikit-learn cuts off probabilities of 0, and C has some."""
    known = golden.facts["nll sklearn log_loss"]
    assert negative_log_likelihood(golden.logits, golden.labels) == pytest.approx(known, abs=1e-12)


def test_paper_mode_gives_the_published_example():
    """The usage example on the card of the metric `jordyvl/ece`; in float32 .7 lies below .7."""
    probs = [[0.6, 0.2, 0.2], [0, 0.95, 0.05], [0.7, 0.1, 0.2]]
    error = expected_calibration_error(probs, [0, 1, 2], n_bins=10, mode="paper")
    assert error == pytest.approx(0.1333333333333334, abs=1e-15)


# --- worked by hand


def test_errors_of_four_documents():
    probs, labels = binary(0.95, 0.95, 0.55, 0.75), [0, 0, 1, 0]
    gaps = (2 - 1.9) + 0.55 + 0.25
    assert expected_calibration_error(probs, labels, n_bins=10) == pytest.approx(gaps / 4)
    assert maximum_calibration_error(probs, labels, n_bins=10) == pytest.approx(0.55)
    # upper edges 1.0, 1.0, .6 and .8
    paper = expected_calibration_error(probs, labels, n_bins=10, mode="paper")
    assert paper == pytest.approx((0.6 + 0.2) / 4)


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    probs, labels = binary(0.65, 0.7), [1, 0]
    expected = abs((0 - 0.65) + (1 - 0.7)) / 2
    assert expected_calibration_error(probs, labels, n_bins=10) == pytest.approx(expected)


def test_paper_mode_puts_a_confidence_on_an_edge_in_the_bin_above():
    error = expected_calibration_error(binary(0.5), [0], n_bins=10, mode="paper")
    assert error == pytest.approx(1 - 0.6)


def test_bins_report_empty_ones_and_means():
    bins = reliability_bins(binary(0.95, 0.91, 0.55), [0, 1, 0], n_bins=10)
    assert [b.count for b in bins] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert (bins[9].confidence, bins[9].accuracy) == (pytest.approx(0.93), 0.5)
    assert np.isnan([bins[0].confidence, bins[0].accuracy]).all()


@pytest.mark.parametrize("n_bins", [1, 10, 15, 49])
def test_edges_are_fractions_correctly_rounded(n_bins):
    bins = reliability_bins(binary(0.8), [0], n_bins=n_bins)
    assert [b.lower for b in bins] == [k / n_bins for k in range(n_bins)]
    assert [b.upper for b in bins] == [k / n_bins for k in range(1, n_bins + 1)]


def test_brier_score_runs_from_0_to_2():
    assert brier_score([[1, 0], [0, 1]], [0, 1]) == 0
    assert brier_score([[1, 0], [0, 1]], [1, 0]) == 2
    assert brier_score([[0.5, 0.3, 0.2]], [1]) == pytest.approx(0.25 + 0.49 + 0.04)


def test_softmax_of_large_logits_is_exact():
    probs = softmax(np.array([[1000, 1000, 0], [-1000, -1000, -1000]], np.float32))
    assert probs.dtype == np.float64
    assert probs == pytest.approx(np.array([[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]]))


def test_log_likelihood_survives_logits_that_saturate_softmax():
    assert negative_log_likelihood([[1000.0, 0.0]], [1]) == 1000.0
    assert negative_log_likelihood([[0.0, 0.0, 0.0, 0.0]], [2]) == pytest.approx(np.log(4))


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize(("right", "error"), [(True, 0.0), (False, 1.0)])
def test_certain_and_all_right_or_all_wrong(n, right, error):
    probs, labels = binary(*[1.0] * n), np.zeros(n, int) if right else np.ones(n, int)
    assert expected_calibration_error(probs, labels) == error
    assert maximum_calibration_error(probs, labels) == error
    assert expected_calibration_error(probs, labels, n_bins=10, mode="paper") == error


# --- properties


@given(predictions(), st.sampled_from([1, 2, 10, 15, 100]))
def test_errors_equal_a_loop_over_the_bins(case, n_bins):
    probs, labels = case
    gaps = list(loop_over_bins(probs, labels, n_bins))
    expected = sum(weight * gap for weight, gap in gaps)
    assert expected_calibration_error(*case, n_bins=n_bins) == pytest.approx(expected, abs=1e-12)
    greatest = max(gap for _, gap in gaps)
    assert maximum_calibration_error(*case, n_bins=n_bins) == pytest.approx(greatest, abs=1e-12)


@given(predictions(), st.sampled_from(["guo", "paper"]), st.randoms(use_true_random=False))
def test_order_of_documents_does_not_matter(case, mode, random):
    probs, labels = case
    order = random.sample(range(len(labels)), len(labels))
    shuffled = expected_calibration_error(probs[order], labels[order], mode=mode)
    assert shuffled == pytest.approx(expected_calibration_error(probs, labels, mode=mode))


@given(predictions())
def test_one_bin_compares_the_means(case):
    probs, labels = case
    expected = abs((probs.argmax(1) == labels).mean() - probs.max(1).mean())
    assert expected_calibration_error(probs, labels, n_bins=1) == pytest.approx(expected)


@given(predictions())
def test_maximum_is_at_least_the_mean_and_bins_count_all(case):
    assert maximum_calibration_error(*case) >= expected_calibration_error(*case) - 1e-12
    assert sum(b.count for b in reliability_bins(*case)) == len(case[1])


# --- the null


def test_null_of_one_document():
    """One document of confidence p errs by 1 - p with chance p, else by p: mean 2p(1 - p)."""
    null = expected_null_error([[0.8, 0.2]], n_resamples=20_000)
    assert np.unique(null.errors) == pytest.approx([0.2, 0.8])
    assert null.mean == pytest.approx(0.32, abs=0.01)
    assert null.p95 == pytest.approx(0.8)


@pytest.mark.parametrize(("mode", "n_bins"), [("guo", 15), ("paper", 10)])
def test_null_draws_the_error_that_is_measured(mode, n_bins):
    rng = np.random.default_rng(0)
    probs = softmax(rng.normal(size=(200, 3)))
    draws = [(rng.random((200, 1)) > probs.cumsum(1)).sum(1) for _ in range(400)]
    measured = [
        expected_calibration_error(probs, labels, n_bins=n_bins, mode=mode) for labels in draws
    ]
    null = expected_null_error(probs, n_bins=n_bins, mode=mode, n_resamples=400)
    assert null.mean == pytest.approx(np.mean(measured), rel=0.05)
    assert null.p95 == pytest.approx(np.quantile(measured, 0.95), rel=0.08)


def test_null_is_seeded():
    probs = softmax(np.random.default_rng(0).normal(size=(30, 2)))
    first, same, other = (expected_null_error(probs, n_resamples=50, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.errors, same.errors)
    assert not np.array_equal(first.errors, other.errors)


def test_p_value_counts_the_observation_itself():
    null = Null(np.array([0.1, 0.2, 0.3]))
    assert [null.p_value(e) for e in (0.05, 0.2, 0.9)] == [1.0, 0.75, 0.25]


# --- bad input, size


@pytest.mark.parametrize(
    ("probs", "labels", "message"),
    [
        (np.empty((0, 3)), [], "empty"),
        ([[0.5, 0.5], [np.nan, 0.5]], [0, 1], "1 of 2 predictions.*row 1"),
        ([[0.5, 0.5]], [0, 1], r"\(1, 2\) and \(2,\)"),
        ([0.5, 0.5], [0, 1], r"\(2,\)"),
        ([[0.5, 0.5]], [2], "label 2 is outside"),
        ([[0.5, 0.5]], [-1], "label -1 is outside"),
    ],
)
def test_bad_input_is_refused(probs, labels, message):
    with pytest.raises(DataError, match=message):
        expected_calibration_error(probs, labels)
    with pytest.raises(DataError, match=message):
        negative_log_likelihood(probs, labels)


def test_empty_input_has_no_null():
    with pytest.raises(DataError, match="empty"):
        expected_null_error(np.empty((0, 2)))


def test_a_hundred_thousand_documents_take_less_than_a_second():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(100_000, 20)), rng.integers(0, 20, 100_000)
    start = time.process_time()
    probs = softmax(logits)
    expected_calibration_error(probs, labels)
    maximum_calibration_error(probs, labels)
    brier_score(probs, labels)
    negative_log_likelihood(logits, labels)
    assert time.process_time() - start < 1.0
