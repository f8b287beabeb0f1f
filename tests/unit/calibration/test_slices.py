import json
from dataclasses import asdict
from itertools import product
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_fscore_support

from prefprop_cli.calibration import slices
from prefprop_cli.calibration.null import NullSummary, expected_null_error
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.slices import class_slices, length_slices
from prefprop_cli.errors import DataError
from prefprop_cli.stats.intervals import wilson_interval
from tests.helpers.calibration import expected_calibration_error
from tests.helpers.predicted import predicted, reordered


def letters(predictions):
    return "ABCDEF"[: predictions.probs.shape[1]]


def documents(n, n_classes=3, *, seed=0, temperature=1.0):
    """Documents of a model whose logits should be divided by `temperature`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, n_classes))
    probs = Predictions.from_logits(logits, np.zeros(n, int)).probs
    labels = (rng.random((n, 1)) > probs.cumsum(axis=1)).sum(axis=1)
    return Predictions.from_logits(temperature * logits, labels)


def plain(record):
    """A record as JSON would have it, NaN as None."""
    if isinstance(record, dict):
        return {key: plain(value) for key, value in record.items()}
    return None if isinstance(record, float) and isnan(record) else record


def assert_is_slice(row, predictions, chosen):
    """A row against the functions of the whole split, called with the documents of the slice."""
    probs, labels = predictions.probs[chosen], predictions.labels[chosen]
    right = probs.argmax(axis=1) == labels
    ece = expected_calibration_error(probs, labels)
    errors = expected_null_error(probs.max(axis=1), n_resamples=slices.NULL_RESAMPLES)
    null = NullSummary.of(errors, observed=ece - 1e-12)
    assert (row.n, row.share) == (sum(chosen), sum(chosen) / len(chosen))
    assert row.accuracy == right.mean()
    several = wilson_interval(int(right.sum()), len(right)) if len(right) > 1 else None
    assert row.interval == several
    assert row.confidence == pytest.approx(probs.max(axis=1).mean())
    assert row.gap == pytest.approx(probs.max(axis=1).mean() - right.mean())
    assert row.ece == pytest.approx(ece)
    assert row.null_mean == null.mean
    assert row.p_value == pytest.approx(null.p_value)


# --- by class


def test_a_class_from_both_sides():
    probs = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]]
    cat, dog = class_slices(
        Predictions.from_probs(probs, [0, 0, 1, 1]), names=["cat", "dog"], n_bins=10
    )
    assert (cat.name, cat.n, cat.share, cat.recall) == ("cat", 2, 0.5, 1.0)
    assert cat.interval == wilson_interval(2, 2)
    assert (cat.predicted.name, cat.predicted.n, cat.predicted.accuracy) == ("cat", 3, 2 / 3)
    assert cat.predicted.share == 0.75
    assert cat.predicted.interval == wilson_interval(2, 3)
    assert cat.predicted.confidence == pytest.approx(0.8)
    assert cat.predicted.gap == pytest.approx(0.8 - 2 / 3)
    assert cat.predicted.ece == pytest.approx((0.1 + 0.2 + 0.7) / 3)
    assert (dog.n, dog.recall, dog.predicted.n, dog.predicted.accuracy) == (2, 0.5, 1, 1.0)


def test_classes_that_do_not_occur():
    probs = [[0.5, 0.3, 0.2, 0.0], [0.6, 0.3, 0.1, 0.0]]
    rows = class_slices(Predictions.from_probs(probs, [0, 1]), names="ABCD", n_bins=15)
    labelled, neither = rows[1], rows[2]
    assert (labelled.n, labelled.recall, labelled.predicted.n) == (1, 0, 0)
    assert (neither.n, neither.share, neither.interval) == (0, 0, None)
    assert isnan(neither.recall)
    empty = plain(asdict(neither.predicted))
    assert (empty.pop("name"), empty.pop("n"), empty.pop("share")) == ("C", 0, 0.0)
    assert set(empty.values()) == {None}
    assert json.dumps([plain(asdict(row)) for row in rows], allow_nan=False)


@settings(max_examples=30)
@given(predicted(min_classes=1))
def test_classes_equal_scikit_learn_and_the_functions_of_a_split(predictions):
    probs, labels = predictions.probs, predictions.labels
    names = letters(predictions)
    rows = class_slices(predictions, names=names, n_bins=15)
    top = probs.argmax(axis=1)
    precision, recall, _, n_labels = precision_recall_fscore_support(
        labels, top, labels=range(len(names)), zero_division=np.nan
    )
    assert [row.name for row in rows] == list(names)
    assert [row.recall for row in rows] == pytest.approx(recall, nan_ok=True)
    assert [row.predicted.accuracy for row in rows] == pytest.approx(precision, nan_ok=True)
    assert [row.n for row in rows] == n_labels.tolist()
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert sum(row.predicted.share for row in rows) == pytest.approx(1)
    for k, row in enumerate(rows):
        if row.predicted.n:
            assert_is_slice(row.predicted, predictions, top == k)


def test_names_are_one_for_each_class():
    with pytest.raises(DataError, match=r"2 names of classes; found 3 columns"):
        class_slices(documents(10), names=["A", "B"], n_bins=15)


def test_candidates_are_no_classes():
    logits = np.array([[1.0, 0.0, -np.inf], [0.0, 1.0, 2.0]])
    with pytest.raises(DataError, match="Candidates of a question are no classes"):
        class_slices(Predictions.from_logits(logits, [0, 1]), names="ABC", n_bins=15)


# --- by length


def test_slices_are_cut_at_the_quartiles():
    predictions, n_tokens = documents(6), [100, 510, 511, 770, 1000, 9000]
    rows = length_slices(predictions, n_tokens, n_bins=15)
    assert [(row.name, row.n) for row in rows] == [
        ("up to 510", 2),
        ("511 to 640", 1),
        ("641 to 940", 1),
        ("over 940", 2),
        ("all", 6),
    ]
    assert_is_slice(rows[0], predictions, np.arange(6) < 2)
    assert_is_slice(rows[-1], predictions, np.ones(6, bool))


def test_one_slice_is_all():
    rows = length_slices(documents(5), [300] * 5, n_bins=15)
    assert [(row.name, row.n) for row in rows] == [("all", 5)]


def test_quartiles_are_rounded_to_something_readable():
    n_tokens = np.array([50, 213, 214, 487, 489, 700, 1034, 1036, 20_000])
    rows = length_slices(documents(9), n_tokens, n_bins=15)
    assert [row.name for row in rows] == [
        "up to 210",
        "211 to 490",
        "491 to 1000",
        "over 1000",
        "all",
    ]
    assert [row.n for row in rows] == [1, 4, 1, 3, 9]


@settings(max_examples=30)
@given(predicted(), st.randoms(use_true_random=False))
def test_lengths_share_out_the_documents_in_any_order(predictions, random):
    n = len(predictions.labels)
    n_tokens = np.array([random.randint(1, 10 ** random.randint(1, 5)) for _ in range(n)])
    *parts, whole = length_slices(predictions, n_tokens, n_bins=15)
    assert all(row.n for row in parts)
    assert not parts or sum(row.n for row in parts) == whole.n == n
    assert len(parts) != 1
    order = np.array(random.sample(range(n), n))
    again = length_slices(reordered(predictions, order), n_tokens[order], n_bins=15)
    assert [asdict(row).keys() for row in again] == [asdict(row).keys() for row in [*parts, whole]]
    for row, same in zip([*parts, whole], again, strict=True):
        assert same.name == row.name
        numbers = ("n", "accuracy", "confidence", "ece", "null_mean", "p_value")
        assert [getattr(same, name) for name in numbers] == pytest.approx(
            [getattr(row, name) for name in numbers]
        )


@pytest.mark.parametrize(
    ("n_tokens", "message"),
    [([1, 2], r"shape \(2,\)"), ([1.0, nan, 2.0], "float64"), ([[1], [2], [3]], r"\(3, 1\)")],
)
def test_lengths_that_do_not_fit_are_refused(n_tokens, message):
    with pytest.raises(DataError, match=message):
        length_slices(documents(3), n_tokens, n_bins=15)


# --- chance


def test_p_values_find_the_slices_that_are_overconfident():
    good, bad = documents(600), documents(600, seed=1, temperature=4.0)
    both = Predictions.from_probs(
        np.concatenate([good.probs, bad.probs]), np.concatenate([good.labels, bad.labels])
    )
    short, long, _ = length_slices(both, [100] * 600 + [900] * 600, n_bins=15)
    assert short.p_value > 0.05
    assert short.null_mean == pytest.approx(short.ece, abs=0.02)
    assert (long.p_value, long.gap > 0.1) == (pytest.approx(1 / 201), True)
    assert long.null_mean < long.ece / 3


def test_p_value_of_three_documents_counts_the_draws_that_are_equal(monkeypatch):
    """All 8 outcomes with their chances; rounding in sums of another order must not part equals."""
    monkeypatch.setattr(slices, "NULL_RESAMPLES", 4000)
    confidence = np.array([0.7, 0.9, 0.8])
    probs = np.stack([confidence, 1 - confidence], axis=1)
    for right in product([True, False], repeat=3):
        (row,) = length_slices(
            Predictions.from_probs(probs, [0 if r else 1 for r in right]),
            [5, 5, 5],
            n_bins=1,
        )
        outcomes = np.array(list(product([True, False], repeat=3)))
        chances = np.where(outcomes, confidence, 1 - confidence).prod(axis=1)
        errors = np.abs((outcomes - confidence).sum(axis=1))
        at_least = errors >= abs(sum(right) - confidence.sum()) - 1e-9
        assert row.p_value == pytest.approx(chances[at_least].sum(), abs=0.03)
