"""The table: a method by name, the best of them, and a stored one."""

import json

import numpy as np
import pytest
from hypothesis import given, settings

from prefprop_cli.calibration.calibrators import (
    AUTO,
    METHODS,
    Identity,
    Temperature,
    calibrator_from,
    fit_calibrator,
)
from prefprop_cli.calibration.predictions import negative_log_likelihood
from prefprop_cli.errors import CorruptFileError, DataError, PrefpropError, UsageError
from tests.helpers.recalibration import confused, labelled_logits


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_fitted_by_name(name):
    logits, labels = confused()
    found = fit_calibrator(name, logits, labels)
    assert found.calibrator == METHODS[name].fit(logits, labels)
    assert (found.n, found.trials, found.notes) == (300, (), ())
    assert found.nll_before == negative_log_likelihood(logits, labels)
    after = found.calibrator.logits(logits)
    assert found.nll_after == negative_log_likelihood(after, labels)
    assert calibrator_from(json.loads(json.dumps(found.as_dict()))["calibrator"]) == (
        found.calibrator
    )


def drawn(calibrated, seed=0):
    """Labels drawn from calibrated logits."""
    noise = np.random.default_rng(seed).gumbel(size=calibrated.shape)
    return (calibrated + noise).argmax(axis=1)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("none", lambda logits: logits),
        ("temperature", lambda logits: 4 * logits),
        ("vector", lambda logits: logits * [1, 3, 9] + [0, 2, -2]),
    ],
)
def test_auto_takes_the_simplest_that_does(name, given):
    calibrated = 2 * np.random.default_rng(1).normal(size=(600, 3))
    found = fit_calibrator(AUTO, given(calibrated), drawn(calibrated))
    assert found.calibrator.name == name
    assert [trial.name for trial in found.trials] == list(METHODS)
    chosen = next(trial for trial in found.trials if trial.name == name)
    assert chosen.beaten_by is None


@settings(max_examples=10)
@given(labelled_logits(max_classes=3))
def test_auto_has_an_answer_for_any_split(case):
    found = fit_calibrator(AUTO, *case)
    assert np.isfinite([found.nll_before, found.nll_after]).all()
    assert bool(found.trials) == (len(case[1]) > 1)
    assert fit_calibrator(AUTO, *case) == found


def test_candidates_leave_none_and_temperature():
    calibrated = 2 * np.random.default_rng(1).normal(size=(300, 4))
    labels = drawn(calibrated)
    flagged = fit_calibrator(AUTO, 3 * calibrated, labels, candidates=True)
    padded = np.column_stack([3 * calibrated, np.full(300, -np.inf)])
    for found in (flagged, fit_calibrator(AUTO, padded, labels)):
        assert [trial.name for trial in found.trials] == ["none", "temperature"]
        assert found.calibrator.value == pytest.approx(3, rel=0.2)
    with pytest.raises(UsageError, match="--method vector"):
        fit_calibrator("vector", calibrated, labels, candidates=True)


@pytest.mark.parametrize("labels", [[0, 1] * 3, [1, 0] * 3], ids=["all right", "all wrong"])
def test_an_unsettled_temperature_is_not_used(labels):
    logits = np.array([[1.0, 0.0], [0.0, 1.0]] * 3)
    found = fit_calibrator("temperature", logits, labels)
    assert found.calibrator == Identity()
    assert found.nll_after == found.nll_before
    (note,) = found.notes
    assert note.startswith("the 6 documents do not determine a temperature: the best is at the end")


def test_classes_without_documents_are_told():
    logits, labels = confused(n_classes=4)
    some = labels < 2
    (note,) = fit_calibrator("vector", logits[some], labels[some]).notes
    assert note.startswith("2 of 4 classes have no document to fit vector on")
    assert fit_calibrator("temperature", logits[some], labels[some]).notes == ()


def test_one_document_chooses_nothing():
    found = fit_calibrator(AUTO, [[1.0, 0.0]], [1])
    assert (found.calibrator, found.trials) == (Identity(), ())
    assert found.notes == ("one document is too few to choose by: the logits stay as they are",)


@pytest.mark.parametrize("name", [AUTO, *METHODS])
def test_a_diverged_model_is_refused(name):
    with pytest.raises(DataError, match="NaN"):
        fit_calibrator(name, [[np.nan, 0.0], [0.0, 1.0]], [0, 1])


def far_apart(scale):
    """Logits of a head that has grown: right in two of three documents, by 3 x scale."""
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 90)
    said = np.where(np.arange(90) % 3 > 0, labels, (labels + 1) % 3)
    logits = rng.normal(size=(90, 3)) + 3 * np.eye(3)[said]
    return (scale * logits).astype(np.float32), labels


@pytest.mark.parametrize("scale", [1e-6, 300.0, 1e4, 1e6])
@pytest.mark.parametrize("name", METHODS)
def test_no_method_minds_how_large_logits_are(name, scale):
    found = fit_calibrator(name, *far_apart(scale))
    assert found.notes == ()
    assert found.nll_after <= found.nll_before
    usual = fit_calibrator(name, *far_apart(30.0)).nll_after
    if name == "isotonic":  # it goes by probabilities, which become 0 and 1
        assert found.nll_after < np.log(3)
    elif name != "none" and scale > 1:
        assert found.nll_after == pytest.approx(usual, abs=1e-3)


@pytest.mark.parametrize("scale", [300.0, 1e4, 1e6])
def test_auto_chooses_the_same_for_large_logits(scale):
    usual, found = (fit_calibrator(AUTO, *far_apart(each)) for each in (30.0, scale))
    assert found.calibrator.name == usual.calibrator.name != "none"
    assert found.nll_after == pytest.approx(usual.nll_after, abs=1e-3)
    assert [trial.name for trial in found.trials] == list(METHODS)


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        pytest.param(np.full((8, 2), 300.0), [0, 1] * 4, id="constant"),
        pytest.param(np.tile([[300.0, -300.0]], (8, 1)), [0, 1] * 4, id="one row"),
        pytest.param(300.0 * np.eye(2)[[0, 1] * 4], [0, 1] * 4, id="separable"),
        pytest.param(1e4 * np.eye(3)[[1, 2, 0] * 4], [0, 1, 2] * 4, id="all wrong"),
        pytest.param(1e4 * np.eye(3)[[0, 1, 2] * 4], [0] * 12, id="one class"),
    ],
)
@pytest.mark.parametrize("name", [AUTO, *METHODS])
def test_degenerate_splits_of_large_logits_have_an_answer(name, logits, labels):
    found = fit_calibrator(name, logits, labels)
    assert found.nll_after <= found.nll_before + 0.2


def fails(cls, logits, labels):
    raise PrefpropError("it stopped short. Use another")


def test_auto_goes_on_without_a_method_that_fails(monkeypatch):
    logits, labels = confused()
    monkeypatch.setattr(METHODS["vector"], "_fit", classmethod(fails))
    found = fit_calibrator(AUTO, logits, labels)
    assert found.calibrator.name not in ("none", "vector")
    assert "auto goes on without vector: it stopped short" in found.notes
    assert [trial.name for trial in found.trials] == [m for m in METHODS if m != "vector"]
    with pytest.raises(PrefpropError, match=r"it stopped short\. Use another"):
        fit_calibrator("vector", logits, labels)


def test_where_all_fail_nothing_is_changed(monkeypatch):
    for method in METHODS.values():
        if method is not Identity:
            monkeypatch.setattr(method, "_fit", classmethod(fails))
    found = fit_calibrator(AUTO, *confused())
    assert found.calibrator == Identity()
    assert len(found.notes) == len(METHODS) - 1


def test_an_unknown_method_is_refused():
    with pytest.raises(UsageError, match="Use auto, none, temperature, platt"):
        fit_calibrator("beta", [[1.0, 0.0]], [0])


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"name": "temperature", "value": 2.0},
        {"name": "temperature", "value": 2.0, "schema_version": 2},
        {"name": "beta", "schema_version": 1},
        {"name": "temperature", "schema_version": 1},
    ],
)
def test_a_record_that_is_not_of_this_version_is_refused(record):
    with pytest.raises(CorruptFileError):
        calibrator_from(record)


def test_a_record_by_hand():
    record = {"schema_version": 1, "name": "temperature", "value": 2}
    assert calibrator_from(record) == Temperature(2.0)
