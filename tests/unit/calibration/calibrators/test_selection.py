import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.calibration.calibrators.base import Identity
from prefprop_cli.calibration.calibrators.selection import (
    cross_calibrated,
    cross_validate,
    stratified_folds,
)
from prefprop_cli.calibration.calibrators.temperature import Temperature
from prefprop_cli.calibration.calibrators.vector import Vector
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import DataError, PrefpropError
from tests.helpers.recalibration import confused


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 2**32))
def test_each_fold_has_its_share_of_each_class(labels, seed):
    labels = np.array(labels)
    folds = stratified_folds(labels, seed=seed)
    n_folds = min(5, len(labels))
    assert set(folds) == set(range(n_folds))
    for k in set(labels):
        counts = np.bincount(folds[labels == k], minlength=n_folds)
        assert counts.max() - counts.min() <= 1


def test_folds_differ_by_seed_alone():
    labels = np.arange(60) % 3
    first, again, other = (stratified_folds(labels, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_no_document_is_calibrated_by_itself():
    logits, labels = confused(60)
    found = cross_calibrated(Vector, logits, labels, seed=3)
    folds = stratified_folds(labels, seed=3)
    for document, row in enumerate(logits):
        others = folds != folds[document]
        expected = Vector.fit(logits[others], labels[others]).logits(row[None])[0]
        assert found[document] == pytest.approx(expected, abs=1e-9)


def test_one_document_has_no_others():
    with pytest.raises(DataError, match="one document"):
        cross_calibrated(Temperature, [[1.0, 0.0]], [0])


def held_out_losses(method, logits, labels):
    probs = softmax(cross_calibrated(method, logits, labels))
    return [-np.log(row[k]) for row, k in zip(probs, labels, strict=True)]


def error_of_mean(values):
    return np.std(values, ddof=1) / np.sqrt(len(values))


def test_losses_and_errors_by_hand():
    logits, labels = confused(80)
    methods = [Identity, Temperature, Vector]
    for trial, method in zip(cross_validate(methods, logits, labels)[0], methods, strict=True):
        own = held_out_losses(method, logits, labels)
        assert trial.name == method.name
        assert (trial.nll, trial.se) == pytest.approx((np.mean(own), error_of_mean(own)))


def test_to_be_beaten_takes_more_than_one_standard_error():
    methods, close = [Identity, Temperature, Vector], 0
    for seed in range(6):
        logits, labels = confused(20, seed=seed)
        losses = {m.name: held_out_losses(m, logits, labels) for m in methods}
        for trial in cross_validate(methods, logits, labels)[0]:
            gains = {
                name: (np.mean(gain), error_of_mean(gain))
                for name in losses
                if any(gain := np.subtract(losses[trial.name], losses[name]))
            }
            better = {name: gain for name, gain in gains.items() if gain[0] > gain[1]}
            assert bool(better) == bool(trial.beaten_by)
            if better:
                assert (trial.behind, trial.behind_se) == pytest.approx(better[trial.beaten_by])
            close += not better and any(mean > 0 for mean, _ in gains.values())
    assert close  # some were behind, by less


def test_equal_methods_are_not_beaten():
    labels = np.array([0, 1] * 5)
    for trial in cross_validate([Identity, Temperature], np.zeros((10, 2)), labels)[0]:
        assert (trial.beaten_by, trial.behind, trial.behind_se) == (None, 0.0, 0.0)


def test_a_temperature_that_is_not_settled_changes_nothing():
    logits = np.array([[3.0, 0.0], [0.0, 3.0]] * 10)
    assert np.array_equal(cross_calibrated(Temperature, logits, [0, 1] * 10), logits)


class Stops(Vector):
    name = "stops"

    @classmethod
    def _fit(cls, logits, labels):
        if len(labels) > 20:
            raise PrefpropError("it stopped. Use another")
        return super()._fit(logits, labels)


def test_a_method_that_fails_is_out():
    logits, labels = confused(24)
    trials, failures = cross_validate([Identity, Stops, Vector], logits, labels)
    assert [trial.name for trial in trials] == ["none", "vector"]
    assert failures == {"stops": "it stopped"}
    assert trials == cross_validate([Identity, Vector], logits, labels)[0]
