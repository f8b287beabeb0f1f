"""Where other libraries agree with ours and where they do not: torchmetrics and scikit-learn are
run, the golden numbers speak for the others.

Case C has confidences of exactly .5, .6, … 1. torchmetrics closes its bins below and has a bin of
its own for 1; scikit-learn closes them above, as we do, but takes its edges from linspace and, for
quantiles, moves them to where the confidences are.
"""

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve
from torchmetrics.functional.classification import (
    binary_calibration_error,
    multiclass_calibration_error,
)

from tests.helpers.calibration import (
    expected_calibration_error,
    maximum_calibration_error,
    root_mean_square_calibration_error,
)

OURS = {
    "l1": expected_calibration_error,
    "l2": root_mean_square_calibration_error,
    "max": maximum_calibration_error,
}


def of_torchmetrics(case, n_bins, norm):
    probs, labels = torch.from_numpy(case.probs), torch.from_numpy(case.labels)
    found = multiclass_calibration_error(
        probs, labels, num_classes=probs.shape[1], n_bins=n_bins, norm=norm
    )
    return float(found)


def of_scikit_learn(case, n_bins, strategy):
    """`calibration_curve` leaves out empty bins and counts: its bins are counted here again."""
    confidence, right = case.probs.max(axis=1), case.probs.argmax(axis=1) == case.labels
    accuracy, claimed = calibration_curve(right, confidence, n_bins=n_bins, strategy=strategy)
    cuts = np.linspace(0, 1, n_bins + 1)
    if strategy == "quantile":
        cuts = np.percentile(confidence, cuts * 100)
    count = np.bincount(np.searchsorted(cuts[1:-1], confidence))
    return float(count[count > 0] @ np.abs(accuracy - claimed) / count.sum())


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_torchmetrics_agrees_where_no_confidence_is_on_an_edge(golden, n_bins, norm):
    """Its sums are float32."""
    error = OURS[norm](golden.probs, golden.labels, n_bins=n_bins)
    assert of_torchmetrics(golden, n_bins, norm) == pytest.approx(error, abs=1e-7)


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_scikit_learn_agrees_where_no_confidence_is_on_an_edge(golden, n_bins):
    error = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins)
    assert of_scikit_learn(golden, n_bins, "uniform") == pytest.approx(error, abs=1e-12)


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
@pytest.mark.parametrize(
    "library",
    [
        "netcal ECE on (confidence,correct)",
        "gpleiss _ECELoss (float32 logits)",
        "verified_calibration get_ece top-label",
        "relplot binnedECE",
        "torchmetrics multiclass l1 (float64)",
        "scikit-learn calibration_curve uniform -> weighted |gap|",
    ],
)
def test_six_libraries_agree_where_no_confidence_is_on_an_edge(golden, n_bins, library):
    known = golden.facts["ece"][str(n_bins)][library]
    error = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins)
    assert error == pytest.approx(known, abs=1e-7)


@pytest.mark.shared
@pytest.mark.parametrize("n_bins", [10, 15, 100])
@pytest.mark.parametrize("golden", ["A_binary65", "B_news20"], indirect=True)
def test_golden_equal_mass_error_of_another_library(golden, n_bins):
    known = golden.facts["ece"][str(n_bins)]["verified_calibration get_ece_em top-label"]
    error = expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins, mode="mass")
    assert error == pytest.approx(known, abs=1e-7)


@pytest.mark.shared
@pytest.mark.parametrize("golden", ["C_edges20"], indirect=True)
@pytest.mark.parametrize(
    ("n_bins", "ours", "torchmetrics", "uniform", "quantile"),
    [
        (10, 0.165, 0.210, 0.165, 0.195),
        (15, 0.165, 0.240, 0.165, 0.215),
        (100, 0.240, 0.240, 0.240, 0.240),
    ],
)
def test_table_of_disagreements_on_edges(golden, n_bins, ours, torchmetrics, uniform, quantile):
    found = (
        expected_calibration_error(golden.probs, golden.labels, n_bins=n_bins),
        of_torchmetrics(golden, n_bins, "l1"),
        of_scikit_learn(golden, n_bins, "uniform"),
        of_scikit_learn(golden, n_bins, "quantile"),
    )
    assert found == pytest.approx((ours, torchmetrics, uniform, quantile), abs=1e-7)


@pytest.mark.shared
@pytest.mark.parametrize("golden", ["C_edges20"], indirect=True)
@pytest.mark.parametrize(("n_bins", "theirs"), [(10, 0.3625), (15, 0.45), (100, 0.65)])
def test_torchmetrics_maximum_on_edges(golden, n_bins, theirs):
    assert of_torchmetrics(golden, n_bins, "max") == pytest.approx(theirs, abs=1e-7)
    ours = maximum_calibration_error(golden.probs, golden.labels, n_bins=n_bins)
    assert (ours == pytest.approx(theirs, abs=1e-7)) == (n_bins == 100)


@pytest.mark.shared
@pytest.mark.parametrize("golden", ["A_binary65"], indirect=True)
def test_two_classes_are_a_positive_and_a_negative_one_to_torchmetrics(golden):
    """Its binary error is that of class 1's probability, not that of the top label."""
    probs, labels = torch.tensor(golden.probs[:, 1]), torch.from_numpy(golden.labels)
    theirs = float(binary_calibration_error(probs, labels, n_bins=15))
    key = "torchmetrics binary l1 on p(class 1) (float64)"
    assert theirs == pytest.approx(golden.facts["ece"]["15"][key], abs=1e-7)
    ours = expected_calibration_error(golden.probs, golden.labels, n_bins=15)
    assert theirs - ours > 0.04
