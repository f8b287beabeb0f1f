"""Every score refuses what is no prediction, no label and no number of bins, with a sentence."""

from functools import partial

import numpy as np
import pytest

from prefprop_cli.calibration.calibrators import METHODS, fit_calibrator
from prefprop_cli.calibration.metrics import classification_metrics, stated_intervals
from prefprop_cli.calibration.null import expected_null_error
from prefprop_cli.calibration.predictions import Predictions, checked, negative_log_likelihood
from prefprop_cli.calibration.scores import Split, calibration_scores
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.tasks.metrics import ClassMetrics
from tests.helpers import calibration as plain


def scores(probs, labels, *, n_bins=15):
    return calibration_scores(Split(Predictions.from_probs(probs, labels), n_bins))


BINNED = {
    "ece": plain.expected_calibration_error,
    "ece paper": partial(plain.expected_calibration_error, mode="paper"),
    "ece mass": partial(plain.expected_calibration_error, mode="mass"),
    "scores": scores,
    "metrics": partial(classification_metrics, metrics=ClassMetrics(2)),
    "stated": partial(stated_intervals, metrics=ClassMetrics(2), n_resamples=10),
}
SCORES = {
    **BINNED,
    "nll": negative_log_likelihood,
    "checked": checked,
    "auto": partial(fit_calibrator, "auto"),
    **{name: method.fit for name, method in METHODS.items()},
}
PROBS = np.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]])
every_score = pytest.mark.parametrize("score", SCORES.values(), ids=SCORES)


@every_score
@pytest.mark.parametrize(
    ("probs", "labels", "message"),
    [
        pytest.param(PROBS, [0, np.nan, 1], "found nan in row 1", id="label NaN"),
        pytest.param(PROBS, [0, 0.7, 1], r"found 0\.7 in row 1", id="label 0.7"),
        pytest.param(PROBS, [0, np.inf, 1], "found inf in row 1", id="label infinite"),
        pytest.param(PROBS, [0, 1, 2], "label 2 is outside", id="label too large"),
        pytest.param(PROBS, [0, 1, -1], "label -1 is outside", id="label -1"),
        pytest.param(PROBS, ["a", "b", "a"], "labels are to be numbers; found <U1", id="text"),
        pytest.param(PROBS, ["0", "1", "0"], "labels are to be numbers", id="digits as text"),
        pytest.param(PROBS, [0, None, 1], "labels are to be numbers; found object", id="None"),
        pytest.param(PROBS, [[0], [1], [1]], "need shape", id="labels in a column"),
        pytest.param(PROBS.astype(str), [0, 1, 1], "predictions are to be numbers", id="as text"),
        pytest.param([[0.5, 0.5], [1.0]], [0, 0], "predictions are no array", id="ragged"),
        pytest.param(0.5, 0, "need shape", id="a number"),
        pytest.param(PROBS + 0j, [0, 1, 1], "predictions are to be numbers", id="complex"),
    ],
)
def test_what_is_no_prediction_or_no_label_is_refused(score, probs, labels, message):
    with pytest.raises(DataError, match=message):
        score(probs, labels)


@every_score
def test_whole_numbers_of_any_type_are_labels(score):
    score(PROBS, [0, 1, 1])
    for kind in (np.uint8, np.int32, np.float32, bool):
        score(PROBS, np.array([0, 1, 1], kind))


@pytest.mark.parametrize("score", BINNED.values(), ids=BINNED)
@pytest.mark.parametrize("n_bins", [0, -3, 2.5, True, None, "15"])
def test_a_number_of_bins_is_a_whole_one_from_1(score, n_bins):
    with pytest.raises(UsageError, match=r"n_bins = .*; a number of bins is a whole one from 1"):
        score(PROBS, [0, 1, 1], n_bins=n_bins)


@pytest.mark.parametrize("mode", ["guo", "mass", "paper"])
def test_bins_of_the_null_are_checked_too(mode):
    with pytest.raises(UsageError, match="n_bins = 0"):
        expected_null_error(np.array([0.5]), n_bins=0, mode=mode)


def test_a_mode_there_is_not_is_refused():
    with pytest.raises(UsageError, match="mode = 'gou'; there are guo, mass, paper"):
        plain.expected_calibration_error(PROBS, [0, 1, 1], mode="gou")
    with pytest.raises(UsageError, match="mode = 'gou'"):
        expected_null_error(np.array([0.5]), mode="gou")
