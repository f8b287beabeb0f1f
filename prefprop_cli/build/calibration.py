"""Calibration of a run: fit on its validation split, report on another, keep both in the run."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from prefprop_cli.build.adapter import Adapter, read_adapter, set_calibrator
from prefprop_cli.evaluation.calibration_report import (
    CalibrationReport,
    SetAside,
    calibration_report,
)
from prefprop_cli.evaluation.recalibration import Fitted, cross_calibrated, fit_calibrator
from prefprop_cli.evaluation.results import SavedLogits
from prefprop_cli.runs import RunFolder, write_atomically

FITTED_ON = "validation"


@dataclass(frozen=True)
class Calibration:
    """What was fitted for a run, and the report on a split."""

    folder: RunFolder
    adapter: Adapter
    split: str
    fitted: Fitted
    report: CalibrationReport

    def as_dict(self) -> dict[str, object]:
        """All of it as JSON types."""
        return {
            "run": str(self.folder.path),
            "split": self.split,
            "calibration": self.fitted.as_dict(),
            **self.report.as_dict(),
        }


def calibrate(
    folder: RunFolder,
    *,
    logits_of: Callable[[str], SavedLogits],
    split: str,
    method: str,
    n_bins: int | None = None,
) -> Calibration:
    """Fit a calibrator on validation and report on a split.

    Where that is validation itself, the report is cross-fitted: each document is calibrated by
    what was fitted on others. Nothing is written.

    Args:
        folder: of the run.
        logits_of: gives the stored logits of a split.
        split: to report on.
        method: `auto`, or a key of `recalibration.METHODS`.
        n_bins: of the errors; None for what the run says.

    Raises:
        UsageError: there is no such method, or it needs classes the run does not have.
        DataError: the logits cannot be scored.
    """
    adapter = read_adapter(folder.adapter)
    fitted_on, reported = logits_of(FITTED_ON), logits_of(split)
    fitted = fit_calibrator(
        method, fitted_on.logits, fitted_on.labels, candidates=not adapter.labels
    )
    calibrator, set_aside = fitted.calibrator, None
    if split == FITTED_ON:
        calibrated = cross_calibrated(type(calibrator), reported.logits, reported.labels)
    else:
        calibrated = calibrator.logits(reported.logits)
        set_aside = SetAside(
            fitted_on.logits, calibrator.logits(fitted_on.logits), fitted_on.labels
        )
    report = calibration_report(
        reported,
        calibrated=calibrated,
        set_aside=set_aside,
        class_names=adapter.labels,
        n_bins=n_bins or adapter.config.eval.bins,
        n_resamples=adapter.config.eval.resamples,
    )
    return Calibration(folder, adapter, split, fitted, report)


def keep(calibration: Calibration) -> None:
    """Store the calibrator, which predictions will use, and the report in the run."""
    folder = calibration.folder
    with folder.lock():
        set_calibrator(folder.adapter, calibration.fitted.calibrator)
        folder.calibration.mkdir(exist_ok=True)
        report = json.dumps(calibration.as_dict()).encode()
        write_atomically(folder.calibration / f"{calibration.split}.json", report)
