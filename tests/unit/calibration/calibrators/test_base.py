"""What holds for every method of the table."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.calibration.calibrators import METHODS, Identity
from prefprop_cli.calibration.calibrators.base import span
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import CorruptFileError, DataError, UsageError
from tests.helpers.recalibration import confused, labelled_logits

every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
methods = st.sampled_from(list(METHODS.values()))


@settings(max_examples=150)
@given(methods, labelled_logits())
def test_probabilities_sum_to_one_and_none_is_impossible(method, case):
    logits, labels = case
    calibrator = method.fit(logits, labels)
    found = calibrator.logits(logits)
    assert found.shape == logits.shape
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    assert np.allclose(calibrator(logits).sum(axis=1), 1, atol=1e-12)


@settings(max_examples=60)
@given(methods, labelled_logits())
def test_a_record_of_numbers_brings_it_back(method, case):
    calibrator = method.fit(*case)
    record = json.loads(json.dumps(calibrator.as_dict(), allow_nan=False))
    assert record["name"] == method.name
    assert method.from_dict(record) == calibrator


@settings(max_examples=60)
@given(methods, labelled_logits(), st.integers(0, 2**32))
def test_the_order_of_documents_does_not_matter(method, case, seed):
    logits, labels = case
    order = np.random.default_rng(seed).permutation(len(labels))
    found, expected = method.fit(logits[order], labels[order]), method.fit(logits, labels)
    assert np.allclose(found(logits), expected(logits), atol=1e-6)


@every_method
def test_the_order_of_three_classes_does_not_matter(method):
    logits, labels = confused()
    order = np.array([2, 0, 1])  # column k holds class order[k]
    found = method.fit(logits[:, order], np.argsort(order)[labels])
    expected = method.fit(logits, labels)(logits)[:, order]
    assert np.allclose(found(logits[:, order]), expected, atol=1e-8)


@every_method
@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_but_none_does_better_on_too_confident_logits(method, n_classes):
    logits, labels = confused(n_classes=n_classes)
    rows = np.arange(len(labels))

    def loss(calibrator):
        return -np.log(calibrator(logits)[rows, labels]).mean()

    assert (loss(method.fit(logits, labels)) < loss(Identity()) - 0.1) == (method is not Identity)


@every_method
def test_it_says_what_it_is(method):
    calibrator = method.fit(*confused())
    for text in (str(calibrator), method.summary):
        assert text
        assert "\n" not in text


@every_method
def test_candidates_need_a_method_without_classes(method):
    logits = np.array([[1.0, 0.0, -np.inf], [0.0, 1.0, 2.0], [1.0, 0.0, 0.5]])
    labels = [0, 1, 1]
    if method.for_candidates:
        found = method.fit(logits, labels).logits(logits)
        assert np.array_equal(np.isneginf(found), np.isneginf(logits))
        return
    with pytest.raises(UsageError, match=f"--method {method.name} needs two or more classes"):
        method.fit(logits, labels)
    with pytest.raises(UsageError, match="Use --method temperature, none or auto"):
        method.fit(logits[1:], labels[1:], candidates=True)


@every_method
def test_one_class_leaves_nothing_to_tell_apart(method):
    if method.for_candidates:
        assert method.fit([[1.0], [2.0]], [0, 0])([[3.0]]) == 1
    else:
        with pytest.raises(UsageError):
            method.fit([[1.0], [2.0]], [0, 0])


@every_method
@pytest.mark.parametrize("logits", [[[np.nan, 0.0]], [[np.inf, 0.0]], np.empty((0, 2))])
def test_unusable_logits_are_refused(method, logits):
    with pytest.raises(DataError):
        method.fit(logits, np.zeros(len(logits), int))


@every_method
def test_logits_of_other_classes_are_refused(method):
    calibrator = method.fit(*confused())
    if calibrator.n_classes is None:
        assert calibrator(np.zeros((1, 4))).shape == (1, 4)
    else:
        with pytest.raises(DataError, match=r"logits of 4 classes.* was fitted on 3"):
            calibrator(np.zeros((1, 4)))


@every_method
def test_an_unknown_value_is_refused(method):
    record = method.fit(*confused()).as_dict()
    with pytest.raises(CorruptFileError, match=f"calibrator \\({method.name}\\) cannot be read"):
        method.from_dict({**record, "more": 1})


def test_a_span_is_of_the_least_and_the_greatest():
    assert span([0.5, -1.23456, 0.25]) == "-1.23 to 0.5"


def test_none_changes_nothing():
    logits = np.array([[1.0, 2.0, -np.inf], [0.1, 0.2, 0.3]])
    found = Identity.fit(logits, [0, 1])
    assert np.array_equal(found.logits(logits), logits)
    assert np.array_equal(found(logits), softmax(logits))
    assert str(found) == "unchanged"
