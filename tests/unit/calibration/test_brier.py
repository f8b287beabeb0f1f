import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefprop_cli.calibration.brier import brier_decomposition, top_label_decomposition
from prefprop_cli.calibration.predictions import Predictions, softmax
from prefprop_cli.errors import DataError
from tests.helpers.predicted import predicted, reordered

MURPHY = "Murphy/Stephenson decomposition of top-label Brier, 10 equal-width upper-closed bins"


def identity(parts):
    stephenson = parts.within_variance - parts.within_covariance
    return parts.reliability - parts.resolution + parts.uncertainty + stephenson


def loop_over_bins(probs, happened, n_bins):
    """REL, RES, UNC, WBV and WBC of one event, document by document."""
    n, share = len(probs), sum(happened) / len(probs)
    rel = res = variance = covariance = 0.0
    for k in range(n_bins):
        low, high = k / n_bins, (k + 1) / n_bins
        inside = [
            (p, o)
            for p, o in zip(probs, happened, strict=True)
            if low < p <= high or (k == 0 and p == 0)
        ]
        if not inside:
            continue
        mean_p = sum(p for p, _ in inside) / len(inside)
        mean_o = sum(o for _, o in inside) / len(inside)
        rel += len(inside) * (mean_p - mean_o) ** 2 / n
        res += len(inside) * (mean_o - share) ** 2 / n
        variance += sum((p - mean_p) ** 2 for p, _ in inside) / n
        covariance += 2 * sum((p - mean_p) * (o - mean_o) for p, o in inside) / n
    return np.array([rel, res, share * (1 - share), variance, covariance])


def values(parts):
    """All but the score."""
    return np.array(list(asdict(parts).values()))[1:]


@pytest.mark.shared
def test_golden_decomposition_of_the_top_label(golden):
    predictions = Predictions.from_probs(golden.probs, golden.labels)
    known = golden.facts["reference definitions (this report)"][MURPHY]
    parts = asdict(top_label_decomposition(predictions, n_bins=10))
    names = {"within_bin_var": "within_variance", "within_bin_cov": "within_covariance"}
    for name in set(known) - {"identity_check"}:
        assert parts[names.get(name, name)] == pytest.approx(known[name], abs=1e-12), name


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [1, 10, 15])
def test_golden_score_of_all_classes(golden, n_bins):
    predictions = Predictions.from_probs(golden.probs, golden.labels)
    parts = brier_decomposition(predictions, n_bins=n_bins)
    known = golden.facts["brier multiclass sum-over-classes mean (0..2)"]
    assert parts.brier == pytest.approx(known, abs=1e-12)
    assert identity(parts) == pytest.approx(parts.brier, rel=1e-15)


def test_four_documents_by_hand():
    """Two forecasts, a bin each: Murphy's three parts alone, .04 - .0625 + .25 for each class."""
    probs = [[0.75, 0.25]] * 2 + [[0.25, 0.75]] * 2
    parts = brier_decomposition(Predictions.from_probs(probs, [0, 0, 0, 1]), n_bins=10)
    # class 0: the bin at .75 has 2 of 2, that at .25 has 1 of 2; 3 of 4 in all
    assert parts.reliability == pytest.approx(2 * 0.5 * (0.25**2 + 0.25**2))
    assert parts.resolution == pytest.approx(2 * 0.5 * (0.25**2 + 0.25**2))
    assert parts.uncertainty == pytest.approx(2 * 0.75 * 0.25)
    assert (parts.within_variance, parts.within_covariance) == (0, 0)
    assert parts.brier == pytest.approx(2 * (3 * 0.25**2 + 0.75**2) / 4)


@pytest.mark.parametrize(("n_classes", "share"), [(2, 0.5), (4, 0.25)])
def test_the_same_forecast_for_all_is_uncertainty_alone(n_classes, share):
    labels = np.arange(8) % n_classes
    uniform = Predictions.from_probs(np.full((8, n_classes), share), labels)
    parts = brier_decomposition(uniform, n_bins=15)
    assert parts.brier == parts.uncertainty == pytest.approx(1 - share)
    assert (parts.reliability, parts.resolution, parts.within_variance) == (0, 0, 0)


@pytest.mark.parametrize("n", [1, 7])
def test_certain_and_all_right_or_all_wrong(n):
    certain = np.tile([1.0, 0.0, 0.0], (n, 1))
    right = brier_decomposition(Predictions.from_probs(certain, np.zeros(n, int)), n_bins=15)
    assert set(asdict(right).values()) == {0.0}
    wrong = Predictions.from_probs(certain, np.full(n, 2))
    parts = brier_decomposition(wrong, n_bins=15)
    assert (parts.brier, parts.reliability, parts.resolution, parts.uncertainty) == (2, 2, 0, 0)
    assert top_label_decomposition(wrong, n_bins=15).brier == 1


def test_one_class_has_nothing_to_say():
    only = Predictions.from_probs(np.ones((5, 1)), np.zeros(5, int))
    assert set(asdict(brier_decomposition(only, n_bins=15)).values()) == {0.0}


def test_of_candidates_only_the_top_label_is_taken_apart():
    logits = np.array([[1.0, 0.0, -np.inf], [0.0, 1.0, 2.0]])
    candidates = Predictions.from_logits(logits, [0, 1])
    with pytest.raises(DataError, match="candidate"):
        brier_decomposition(candidates, n_bins=15)
    parts = top_label_decomposition(candidates, n_bins=15)
    assert parts.uncertainty == 0.25
    assert json.loads(json.dumps(asdict(parts))) == asdict(parts)


@given(predicted(min_classes=1), st.sampled_from([1, 2, 10, 15, 100]))
def test_parts_equal_a_loop_over_the_bins(predictions, n_bins):
    probs, labels = predictions.probs, predictions.labels
    expected = sum(loop_over_bins(p, labels == k, n_bins) for k, p in enumerate(probs.T))
    assert values(brier_decomposition(predictions, n_bins=n_bins)) == pytest.approx(
        expected, abs=1e-14
    )
    top = loop_over_bins(probs.max(axis=1), probs.argmax(axis=1) == labels, n_bins)
    assert values(top_label_decomposition(predictions, n_bins=n_bins)) == pytest.approx(
        top, abs=1e-14
    )


@given(st.integers(0, 2**32), st.integers(1, 300), st.integers(1, 6), st.sampled_from([1, 15, 99]))
@example(143, 2, 2, 1)  # both probabilities within 1e-6 of 1
def test_the_identity_holds_to_rounding(seed, n, n_classes, n_bins):
    rng = np.random.default_rng(seed)
    logits = rng.choice([0.1, 1, 10]) * rng.normal(size=(n, n_classes))
    predictions = Predictions.from_logits(logits, rng.integers(0, n_classes, n))
    parts = brier_decomposition(predictions, n_bins=n_bins)
    # Relative to the largest part: of a score near 0 the parts cancel. Where all are small the
    # differences that are squared are of probabilities near 1, and so is what they are rounded to.
    scale = max(asdict(parts).values())
    rounding = max(1e-15 * scale, 4 * 2**-53 * scale**0.5)
    assert identity(parts) == pytest.approx(parts.brier, abs=rounding, rel=0)
    assert parts.brier == pytest.approx(predictions.squared_errors.mean(), abs=1e-14)


@given(predicted(), st.randoms(use_true_random=False))
def test_neither_order_nor_names_matter(predictions, random):
    n, n_classes = predictions.probs.shape
    shuffled = reordered(predictions, random.sample(range(n), n))
    expected = brier_decomposition(predictions, n_bins=15)
    assert values(brier_decomposition(shuffled, n_bins=15)) == pytest.approx(values(expected))
    names = np.array(random.sample(range(n_classes), n_classes))
    renamed = Predictions.from_probs(
        predictions.probs[:, names], np.argsort(names)[predictions.labels]
    )
    assert values(brier_decomposition(renamed, n_bins=15)) == pytest.approx(values(expected))


def test_identity_of_a_hundred_thousand_documents():
    rng = np.random.default_rng(0)
    predictions = Predictions.from_probs(
        softmax(3 * rng.normal(size=(100_000, 3))), rng.integers(0, 3, 100_000)
    )
    parts = brier_decomposition(predictions, n_bins=15)
    assert identity(parts) == pytest.approx(parts.brier, rel=1e-14)
