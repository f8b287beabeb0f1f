import time
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.bins import by_confidence, edges, group_starts, width_bins
from prefprop_cli.calibration.predictions import negative_log_likelihood, softmax
from prefprop_cli.errors import DataError
from tests.helpers.calibration import (
    bin_errors,
    binary,
    brier_score,
    debiased_squared_error,
    diagram,
    expected_calibration_error,
    mass_bins,
    maximum_calibration_error,
    predictions,
    root_mean_square_calibration_error,
    tied_predictions,
    top_label,
)
from tests.helpers.calibration import (
    width_bins as plain_width_bins,
)

# --- bins and groups


@pytest.mark.parametrize("n_bins", [1, 10, 15, 49, 100])
def test_edges_are_fractions_correctly_rounded(n_bins):
    assert edges(n_bins).tolist() == [k / n_bins for k in range(n_bins + 1)]


@pytest.mark.parametrize("n_bins", [1, 10, 15, 49])
def test_each_edge_closes_the_bin_below_it(n_bins):
    index, _ = width_bins(edges(n_bins), n_bins=n_bins, mode="guo")
    assert index.tolist() == [0, *range(n_bins)]
    after, _ = width_bins(np.nextafter(edges(n_bins)[:-1], 1), n_bins=n_bins, mode="guo")
    assert after.tolist() == list(range(n_bins))


def test_the_papers_bins_are_closed_below_and_claim_their_upper_edge():
    index, claim = width_bins(np.array([0, 0.5, 0.7, 0.75, 1]), n_bins=10, mode="paper")
    assert index.tolist() == [0, 5, 6, 7, 9]  # in float32 .7 lies below .7
    assert claim.tolist() == [0.1, 0.6, 0.7, 0.8, 1.0]


@given(st.integers(1, 60), st.integers(1, 80))
def test_groups_are_cut_as_numpy_cuts(n, n_groups):
    groups = np.array_split(np.arange(n), min(n_groups, n))
    assert group_starts(n, n_groups).tolist() == [group[0] for group in groups]


@given(st.one_of(predictions(), tied_predictions()))
def test_ranks_are_a_stable_sort(case):
    pairs = top_label(*case)
    confidence, right = (np.array(column) for column in zip(*pairs, strict=True))
    found = by_confidence(confidence, right.astype(np.int64))
    assert list(zip(*found, strict=True)) == sorted(pairs, key=lambda pair: pair[0])


def test_ranks_of_0_of_1_and_of_what_is_between():
    confidence = np.array([1.0, 0.0, 5e-324, 0.5, np.nextafter(0.5, 1), 0.0])
    ranked, right = by_confidence(confidence, np.array([True, True, False, True, False, True]))
    assert ranked.tolist() == sorted(confidence.tolist())
    assert right.tolist() == [1, 1, 0, 1, 0, 1]


def test_order_of_equal_confidences_at_a_cut_matters_and_is_that_of_the_documents():
    probs = binary(0.8, 0.8, 0.8, 0.8)
    first, other = (
        expected_calibration_error(probs, labels, n_bins=2, mode="mass")
        for labels in ([0, 0, 1, 1], [0, 1, 0, 1])
    )
    assert (first, other) == (pytest.approx((0.2 + 0.8) / 2), pytest.approx(0.3))


UPPER_CLOSED = "reference upper-closed (a,b]"
PAPER = "reference 'paper' jordyvl/ece: float32, [a,b), bin confidence = UPPER EDGE"


MASS = "reference equal-mass (stable sort + array_split)"
MODES = st.sampled_from(["guo", "mass", "paper"])


def paper_bins(probs, labels, n_bins):
    """Bins [a, b) of float32 probabilities; a bin claims its upper edge."""
    pairs = top_label(probs.astype(np.float32).tolist(), labels)
    index = [min(n_bins - 1, max(k for k in range(n_bins) if k / n_bins <= p)) for p, _ in pairs]
    bins = [
        [((k + 1) / n_bins, c) for (_, c), own in zip(pairs, index, strict=True) if own == k]
        for k in range(n_bins)
    ]
    return [inside for inside in bins if inside]


def plain_bins(probs, labels, n_bins, mode):
    if mode == "paper":
        return paper_bins(probs, labels, n_bins)
    return {"guo": plain_width_bins, "mass": mass_bins}[mode](top_label(probs, labels), n_bins)


# --- against other libraries


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
def test_golden_expected_calibration_error(golden, n_bins):
    facts = golden.facts["ece"][str(n_bins)]
    error = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins)
    assert error == pytest.approx(facts[UPPER_CLOSED], abs=1e-12)
    paper = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins, mode="paper")
    assert paper == pytest.approx(facts[PAPER], abs=1e-12)
    mass = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins, mode="mass")
    assert mass == pytest.approx(facts[MASS], abs=1e-12)


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
    bins = diagram(binary(0.95, 0.91, 0.55), [0, 1, 0], n_bins=10)
    assert [b.count for b in bins] == [0, 0, 0, 0, 0, 1, 0, 0, 0, 2]
    assert (bins[9].confidence, bins[9].accuracy) == (pytest.approx(0.93), 0.5)
    assert (bins[0].confidence, bins[0].accuracy) == (None, None)


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
    assert root_mean_square_calibration_error(probs, labels) == error
    assert expected_calibration_error(probs, labels, mode="mass") == error
    assert expected_calibration_error(probs, labels, n_bins=10, mode="paper") == error


# --- properties


@given(st.one_of(predictions(), tied_predictions()), st.sampled_from([1, 2, 10, 15, 100]), MODES)
def test_errors_equal_a_loop_over_the_bins(case, n_bins, mode):
    errors = list(bin_errors(plain_bins(*case, n_bins, mode)))
    expected = {
        expected_calibration_error: sum(share * error for share, error in errors),
        root_mean_square_calibration_error: sum(share * error**2 for share, error in errors) ** 0.5,
        maximum_calibration_error: max(error for _, error in errors),
    }
    for metric, value in expected.items():
        assert metric(*case, n_bins=n_bins, mode=mode) == pytest.approx(value, abs=1e-12)


@given(predictions())
def test_scores_of_all_classes_equal_a_loop(case):
    probs, labels = case
    squares = [
        (p - (k == label)) ** 2
        for row, label in zip(probs, labels, strict=True)
        for k, p in enumerate(row)
    ]
    assert brier_score(*case) == pytest.approx(sum(squares) / len(labels), abs=1e-14)
    losses = [-np.log(row[label]) for row, label in zip(probs, labels, strict=True)]
    found = negative_log_likelihood(np.log(probs), labels)
    assert found == pytest.approx(sum(losses) / len(labels), abs=1e-12)


@given(predictions(), st.sampled_from(["guo", "mass"]))
def test_one_bin_compares_the_means(case, mode):
    probs, labels = case
    expected = abs((probs.argmax(1) == labels).mean() - probs.max(1).mean())
    found = expected_calibration_error(probs, labels, n_bins=1, mode=mode)
    assert found == pytest.approx(expected, abs=1e-12)


@given(st.one_of(predictions(), tied_predictions()), st.integers(0, 5))
def test_as_many_groups_as_documents_compare_each(case, more):
    gaps = [abs(c - p) for p, c in top_label(*case)]
    found = expected_calibration_error(*case, n_bins=len(gaps) + more, mode="mass")
    assert found == pytest.approx(sum(gaps) / len(gaps), abs=1e-12)


@given(st.one_of(predictions(), tied_predictions()), MODES, st.integers(1, 30))
def test_the_maximum_is_at_least_the_root_and_this_the_mean(case, mode, n_bins):
    greatest, root, mean = (
        metric(*case, n_bins=n_bins, mode=mode)
        for metric in (
            maximum_calibration_error,
            root_mean_square_calibration_error,
            expected_calibration_error,
        )
    )
    assert greatest >= root - 1e-12
    assert root >= mean - 1e-12


@given(predictions())
def test_bins_count_all(case):
    assert sum(b.count for b in diagram(*case)) == len(case[1])


# --- bad input, size


@pytest.mark.parametrize(
    "metric",
    [
        expected_calibration_error,
        maximum_calibration_error,
        root_mean_square_calibration_error,
        diagram,
        brier_score,
        negative_log_likelihood,
    ],
)
def test_bad_input_is_refused(metric):
    """What is bad is told in `test_predictions`."""
    with pytest.raises(DataError, match=r"1 of 2 predictions.*row 1") as caught:
        metric([[0.5, 0.5], [np.nan, 0.5]], [0, 1])
    assert caught.value.exit_code == 3


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(DataError, match=r"Pass softmax\(logits\)"):
        expected_calibration_error([[0.4, 0.9]], [0])


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


# --- the debiased error


def plain_debiased(pairs, n_bins):
    """The definition, with the unbiased variance of the outcomes by its own definition."""
    total = 0.0
    for inside in mass_bins(pairs, n_bins):
        claims, outcomes = zip(*inside, strict=True)
        size, share = len(inside), sum(outcomes) / len(inside)
        if size > 1:
            variance = sum((c - share) ** 2 for c in outcomes) / (size - 1)
            total += size * ((share - sum(claims) / size) ** 2 - variance / size)
    return total / len(pairs)


@given(st.one_of(predictions(), tied_predictions()), st.sampled_from([1, 3, 15]))
def test_the_debiased_error_equals_its_definition(case, n_bins):
    expected = plain_debiased(top_label(*case), n_bins)
    assert debiased_squared_error(*case, n_bins=n_bins) == pytest.approx(expected, abs=1e-12)


@given(predictions(), st.sampled_from([1, 3, 15]))
def test_it_lies_below_the_square_it_corrects(case, n_bins):
    plain = root_mean_square_calibration_error(*case, n_bins=n_bins, mode="mass")
    assert debiased_squared_error(*case, n_bins=n_bins) <= plain**2 + 1e-12


@pytest.mark.shared
def test_golden_debiased_error(golden):
    key = "debiased squared L2 CE (Kumar), equal-mass 15 (may be negative)"
    known = golden.facts["reference definitions (this report)"][key]
    found = debiased_squared_error(golden.probs, golden.labels, n_bins=15)
    assert found == pytest.approx(known, abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_golden_debiased_error_of_its_authors(golden, n_bins):
    """They cut it off at 0. Not case C: they keep equal confidences together."""
    key = "verified_calibration lower_bound_scaling_top_ce p=2 debias (equal-mass)"
    found = debiased_squared_error(golden.probs, golden.labels, n_bins=n_bins)
    assert sqrt(max(found, 0)) == pytest.approx(golden.facts["ece"][str(n_bins)][key], abs=1e-7)


def test_of_a_calibrated_model_it_is_0_on_average():
    """What it corrects is .0142 on average here; the standard error of the mean is .0002."""
    rng = np.random.default_rng(0)
    probs = binary(*rng.uniform(0.5, 1, 150))
    debiased, plain = [], []
    for _ in range(400):
        labels = (rng.random(150) > probs[:, 0]).astype(int)
        debiased.append(debiased_squared_error(probs, labels, n_bins=15))
        root = root_mean_square_calibration_error(probs, labels, n_bins=15, mode="mass")
        plain.append(root**2)
    error = np.std(debiased) / np.sqrt(400)
    assert abs(np.mean(debiased)) < 4 * error
    assert np.mean(plain) > 40 * error


@pytest.mark.parametrize(("n", "n_bins"), [(1, 15), (4, 15), (15, 15)])
def test_groups_of_one_document_add_nothing(n, n_bins):
    probs = binary(*np.linspace(0.6, 0.9, n))
    assert debiased_squared_error(probs, np.zeros(n, int), n_bins=n_bins) == 0


def test_three_documents_in_two_groups_by_hand():
    """.6 and .7, one of them right, are a group; .9 is one of its own."""
    found = debiased_squared_error(binary(0.9, 0.6, 0.7), [0, 0, 1], n_bins=2)
    assert found == pytest.approx(2 / 3 * ((0.5 - 0.65) ** 2 - 0.25))


@pytest.mark.parametrize(("label", "square"), [(0, 0.04), (1, 0.64)])
def test_all_right_or_all_wrong_has_no_variance(label, square):
    assert debiased_squared_error(binary(*[0.8] * 6), [label] * 6, n_bins=3) == pytest.approx(
        square
    )
