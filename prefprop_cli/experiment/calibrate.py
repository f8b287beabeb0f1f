"""Calibration of a run: fit on its validation split, report on another, keep both in the run."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.calibrators import (
    Calibrator,
    Fitted,
    Identity,
    cross_calibrated,
    fit_calibrator,
)
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.report import CalibrationReport, calibration_report
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.adapter import Adapter, read_adapter, set_calibrator
from prefprop_cli.experiment.stored_logits import SavedLogits, load_logits
from prefprop_cli.notes import Note
from prefprop_cli.runs import RunFolder, write_atomically

FITTED_ON = "validation"


@dataclass(frozen=True)
class Calibration:
    """What was fitted for a run, and the report on a split."""

    folder: RunFolder
    adapter: Adapter
    """As it was before."""
    split: str
    """The reported one."""
    fitted: Fitted
    """On all documents of validation."""
    calibrated: Floats
    """Logits (N, C) of the split after calibration."""
    cross_fitted: bool
    """Whether each document was calibrated by what was fitted on others: the split is that of the
    fit."""
    report: CalibrationReport
    notes: tuple[Note, ...]

    @property
    def replaced(self) -> Calibrator | None:
        """What the run was calibrated by before; None for nothing, or the same."""
        before = self.adapter.calibrator
        return None if before in (Identity(), self.fitted.calibrator) else before

    def as_dict(self) -> dict[str, object]:
        return {
            "run": str(self.folder.path),
            "split": self.split,
            "calibration": self.fitted.as_dict(),
            "replaced": self.replaced.as_dict() if self.replaced else None,
            "cross_fitted": self.cross_fitted,
            **self.report.as_dict(),
        }


def calibrate(
    run: RunFolder | Path | str,
    *,
    split: str = "test",
    method: str = "temperature",
    logits_of: Callable[[str], SavedLogits] | None = None,
    n_bins: int | None = None,
    allow_same_split: bool = False,
) -> Calibration:
    """Fit a calibrator on validation and report on a split; `keep` stores both.

    `method` is `auto`, or a key of `calibrators.METHODS`; `n_bins` is of the errors, None for what
    the run says. `logits_of` gives the logits of a split; by default, those that are stored. Where
    both have the same documents, and that is allowed, each is calibrated by what was fitted on
    others, though `auto` chooses on all.

    Raises:
        UsageError: both have the same documents, and may not; there is no such method, or it needs
            classes that are not there; or a split has no stored logits.
        DataError: the logits cannot be scored.
    """
    folder = RunFolder.open(run)
    logits_of = logits_of or partial(load_logits, folder.evaluation)
    adapter = read_adapter(folder.trained_adapter)
    fitted_on, reported = logits_of(FITTED_ON), logits_of(split)
    n_shared = len({*fitted_on.ids} & {*reported.ids})
    same = n_shared == len(reported.ids)
    if same and not allow_same_split:
        raise UsageError(
            f"--split {split}: its documents are those of {FITTED_ON}, where the calibrator is "
            "fitted, so an error measured there would be too good. Report on another split, or "
            "say --allow-same-split, which fits it anew for each fifth of the documents"
        )
    fitted = fit_calibrator(
        method, fitted_on.logits, fitted_on.labels, candidates=not adapter.task.has_classes
    )
    calibrator, notes = fitted.calibrator, [*map(Note, fitted.notes)]
    if same:
        calibrated = cross_calibrated(type(calibrator), reported.logits, reported.labels)
        notes.append(
            Note(f"{split}: each document is calibrated by what was fitted on four fifths")
        )
    else:
        calibrated = calibrator.logits(reported.logits)
    if n_shared and not same:
        text = (
            f"LEAK: {n_shared} of {len(reported.ids)} documents of {split} are among those of "
            f"{FITTED_ON}, where the calibrator is fitted"
        )
        notes.append(Note(text, "warning"))
    report = calibration_report(
        Predictions.from_logits(reported.logits, reported.labels),
        Predictions.from_logits(calibrated, reported.labels),
        n_fit=len((reported if same else fitted_on).labels),
        class_names=adapter.labels,
        lengths=reported.n_tokens,
        n_bins=n_bins or adapter.config.eval.bins,
        n_resamples=adapter.config.eval.resamples,
    )
    return Calibration(folder, adapter, split, fitted, calibrated, same, report, notes=tuple(notes))


def keep(calibration: Calibration) -> None:
    """Store the calibrator, which predictions will use, and the report in the run."""
    folder = calibration.folder
    with folder.lock():
        set_calibrator(folder.adapter, calibration.fitted.calibrator)
        folder.calibration.mkdir(exist_ok=True)
        report = json.dumps(calibration.as_dict()).encode()
        write_atomically(folder.calibration / f"{calibration.split}.json", report)
