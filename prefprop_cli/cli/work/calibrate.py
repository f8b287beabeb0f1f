"""What `prefprop calibrate` does: fit on validation, report the error before and after."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prefprop_cli.calibration.calibrators import METHODS, Calibrator
from prefprop_cli.calibration.report import CalibrationReport
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work.bars import reliability_bars
from prefprop_cli.cli.work.views import tell_missing, tell_pages
from prefprop_cli.errors import DataError, GateError, UsageError
from prefprop_cli.experiment.calibrate import FITTED_ON, Calibration, calibrate, keep
from prefprop_cli.experiment.evaluate import Machine, check_split, logits_of, warnings_on
from prefprop_cli.report.calibration_html import calibration_html, runs_page
from prefprop_cli.report.drawing import new_figure, write_figure
from prefprop_cli.report.page import Page
from prefprop_cli.report.pairwise import compare_runs
from prefprop_cli.report.paper import paper_figures_of
from prefprop_cli.report.reliability_diagram import reliability_figure
from prefprop_cli.runs import RunFolder, write_atomically
from prefprop_cli.runs.distributed import world
from prefprop_cli.tables import Ece
from prefprop_cli.words import plural

__all__ = ["Machine"]


@dataclass(frozen=True)
class CalibrationRequest:
    """What is to be fitted and reported, for every run."""

    split: str
    bins: int | None
    method: str
    ece: Ece
    allow_same_split: bool

    @property
    def score(self) -> str:
        """The error that comes first."""
        return "ece_paper" if self.ece == "paper" else "ece"


def check(folders: Sequence[RunFolder], split: str, *, plot: Path | None) -> None:
    """See that there is what is asked for, before anything is fitted.

    Raises:
        UsageError: there is no such split, or nothing to draw with.
    """
    if plot:
        with new_figure(1, 1):  # which says so where matplotlib is not installed
            pass
    for folder in folders:
        check_split(folder, split)


def calibrated(
    console: Console, folder: RunFolder, asked: CalibrationRequest, *, machine: Machine
) -> Calibration:
    """Fit a calibrator for a run and store it there, with the report; see `calibrate`."""
    warnings = [*warnings_on(folder, FITTED_ON), *warnings_on(folder, asked.split)]
    for warning in dict.fromkeys(warnings):
        console.warn(warning)
    found = calibrate(
        folder,
        logits_of=partial(logits_of, folder, machine=machine),
        split=asked.split,
        method=asked.method,
        n_bins=asked.bins,
        allow_same_split=asked.allow_same_split,
    )
    for note in found.notes:
        console.warn(note)
    world().on_main(lambda: keep(found))
    if found.replaced:
        console.notice(f"{folder.path}: {_replacement(found, found.replaced, asked.method)}")
    return found


def _replacement(found: Calibration, before: Calibrator, method: str) -> str:
    """What took the place of what, and where nothing did, why, and how to have it back."""
    now = found.fitted.calibrator
    told = f"calibration: {_named(before)} is replaced by {_named(now)}"
    if now.name != "none":
        return told
    why = {
        "none": "as you asked",
        "auto": "auto found nothing that does better by more than one standard error",
    }.get(method, f"the {found.fitted.n} documents do not determine a {method}")
    if before.name not in METHODS:
        return f"{told}: {why}"
    back = f"prefprop calibrate {shlex.quote(str(found.folder.path))} --method {before.name}"
    return f"{told}: {why}. To have it back: {back}"


def _named(calibrator: Calibrator) -> str:
    return "none" if calibrator.name == "none" else f"{calibrator.name} ({calibrator})"


def write(console: Console, found: Calibration, *, plot: Path | None, report: Path | None) -> None:
    """Draw the reliability diagram, and write the HTML report, where they are asked for."""
    if plot:
        write_figure(reliability_figure(found.report, after=str(found.fitted.calibrator)), plot)
        console.info(f"drawn: {plot}")
    if report:
        write_atomically(report, calibration_html(found).encode())
        console.info(f"written: {report}")


def tell(console: Console, found: Calibration, *, score: str, all_scores: bool) -> None:
    """The verdict by a score, all scores where they are asked for or go to a script, the bars."""
    if console.common.json:
        paper = paper_figures_of(found.adapter.config)
        console.result_json({**found.as_dict(), "paper": paper})
        return
    report, calibrator = found.report, found.fitted.calibrator
    named = str(calibrator) if calibrator.name == "temperature" else _named(calibrator)
    saved = "No calibration saved." if calibrator.name == "none" else f"{named} saved."
    (console.prose if console.is_terminal else console.info)(f"{saved}  {report.verdict(score)}")
    in_full = all_scores or not console.is_terminal
    if in_full:
        names = sorted(report.before.scores, key=lambda name: name != score)
        header = ("score", "before", "95 %", "after", "95 %")
        console.table([_row(name, report) for name in names], header=header)
        tell_missing(console, {name: each.why for name, each in report.before.scores.items()})
    for trial in found.fitted.trials:
        told = f"auto: {trial.name} has NLL {trial.nll:.4f} ± {trial.se:.4f}"
        if trial.beaten_by is not None:
            told += f", beaten by {trial.beaten_by} by {trial.behind:.4f} ± {trial.behind_se:.4f}"
        console.info(told)
    on = plural(found.fitted.n, "document")
    console.info(f"calibration: {_named(calibrator)}, fitted on {on} of validation")
    if calibrator.name != "none":
        console.info("predict uses it from now on; --method none takes it back")
    if in_full:
        for when, state in (("before", report.before), ("after", report.after)):
            console.info(f"{when}: {state.interpretation(score, n=report.n)}")
    for line in reliability_bars(report, width=console.width):
        console.info(line)
    if not in_full:
        console.info(f"all {len(report.before.scores)} scores: --all")


def tell_several(
    console: Console, found: Sequence[Calibration], asked: CalibrationRequest, *, machine: Machine
) -> None:
    """A row for each run, then the runs beside the first one, before and after calibration."""
    calibrated = {each.folder.path.resolve(): each.calibrated for each in found}
    compare = partial(
        compare_runs,
        [each.folder.path for each in found],
        split=asked.split,
        metrics=(asked.score, "nll"),
        n_bins=asked.bins,
        machine=machine,
    )
    pages: dict[str, Page] = {}
    try:
        pages["before"] = compare(title="Before calibration")
        pages["after"] = compare(
            title="After calibration",
            calibrated=lambda run, _: calibrated[run.folder.path.resolve()],
        )
    except (UsageError, DataError) as error:  # the calibrators are stored, and their figures known
        console.warn(f"not compared: {error}")
        pages = {}
    record = {
        "runs": [each.as_dict() for each in found],
        "comparisons": {name: page.record for name, page in pages.items()},
    }
    tell_pages(console, [runs_page(found, score=asked.score), *pages.values()], record)


def check_gate(found: Sequence[Calibration], fail_above: float | None, *, score: str) -> None:
    """Raise a GateError if an error after calibration is above the gate."""
    if fail_above is None:
        return
    values = {each.folder.path: each.report.after.scores[score].value for each in found}
    missed = [
        f"{path}: {score} after calibration is {value:.4f}, above {fail_above:g}"
        for path, value in values.items()
        if value > fail_above
    ]
    if missed:
        raise GateError("; ".join(missed))


def _row(name: str, report: CalibrationReport) -> list[str]:
    cells = [name]
    for score in (report.before.scores[name], report.after.scores[name]):
        ends = score.interval
        interval = f"{ends.low:.4f}-{ends.high:.4f}" if ends else "-"
        cells += [f"{score.value:.4f}", interval]
    return cells
