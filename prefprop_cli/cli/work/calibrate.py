"""`prefprop calibrate`: fit a calibrator on validation, report the error before and after it."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.options import PICTURES, check_file
from prefprop_cli.cli.work.bars import reliability_bars
from prefprop_cli.cli.work.eval import check_split, logits_of, paper_figures_of, tell_missing
from prefprop_cli.errors import DataError, GateError, UsageError
from prefprop_cli.parallel import world
from prefprop_cli.words import plural

if TYPE_CHECKING:
    from prefprop_cli.build.calibration import Calibration
    from prefprop_cli.evaluation.calibration_report import CalibrationReport, Score
    from prefprop_cli.evaluation.recalibration import Calibrator, Fitted, Trial
    from prefprop_cli.report.page import Page

Ece = Literal["guo", "paper"]
_SCORE: dict[Ece, str] = {"guo": "ece", "paper": "ece_paper"}


@dataclass(frozen=True)
class Asked:
    """What the command line says of every run."""

    split: str
    bins: int | None
    method: str
    ece: Ece
    allow_same_split: bool
    backbone: str | None
    device: str

    @property
    def score(self) -> str:
        """The error that comes first."""
        return _SCORE[self.ece]


def run(
    console: Console,
    *,
    runs: Sequence[Path],
    asked: Asked,
    plot: Path | None,
    report: Path | None,
    fail_above: float | None,
) -> None:
    """Calibrate each run; compare them, where there are several.

    Raises:
        UsageError: the split is the one the calibrator is fitted on, a picture cannot be of
            several runs, or a run was named twice.
        GateError: an error after calibration is above the gate.
    """
    _check_asked(runs, asked, plot=plot, report=report)
    found = [_calibrate(console, path, asked) for path in runs]
    world().on_main(lambda: _write(console, found[0], plot=plot, report=report))
    if len(found) == 1:
        _tell(console, found[0], asked)
    else:
        _tell_all(console, found, asked)
    _check(found, fail_above, score=asked.score)


def _check_asked(
    runs: Sequence[Path], asked: Asked, *, plot: Path | None, report: Path | None
) -> None:
    from prefprop_cli.evaluation.drawing import drawing
    from prefprop_cli.runs import RunFolder

    if len({path.resolve() for path in runs}) < len(runs):
        raise UsageError("a run was named twice. Name each once")
    if len(runs) > 1 and (plot or report):
        raise UsageError("--plot and --report are of one run. Name one at a time")
    if plot:
        check_file(plot, flag="--plot", endings=PICTURES)
        with drawing(1, 1):  # which says so where matplotlib is not installed
            pass
    if report:
        check_file(report, flag="--report", endings=(".html", ".htm"))
    for path in runs:
        check_split(RunFolder.open(path), asked.split)


def _calibrate(console: Console, path: Path, asked: Asked) -> "Calibration":
    from prefprop_cli.build.calibration import calibrate, keep
    from prefprop_cli.runs import RunFolder

    folder = RunFolder.open(path)
    found = calibrate(
        folder,
        logits_of=partial(logits_of, console, folder, backbone=asked.backbone, device=asked.device),
        split=asked.split,
        method=asked.method,
        n_bins=asked.bins,
        allow_same_split=asked.allow_same_split,
    )
    for note in found.notes:
        console.warn(note)
    world().on_main(lambda: keep(found))
    if found.replaced:
        console.notice(f"{path}: {_replacement(found, found.replaced, asked.method)}")
    return found


def _replacement(found: "Calibration", before: "Calibrator", method: str) -> str:
    """What took the place of what, and where nothing did, why, and how to have it back."""
    now = found.fitted.calibrator
    told = f"calibration: {_named(before)} is replaced by {_named(now)}"
    if now.name != "none":
        return told
    why = {
        "none": "as you asked",
        "auto": "auto found nothing that does better by more than one standard error",
    }.get(method, f"the {found.fitted.n} documents do not determine a {method}")
    back = f"prefprop calibrate {shlex.quote(str(found.folder.path))} --method {before.name}"
    return f"{told}: {why}. To have it back: {back}"


def _named(calibrator: "Calibrator") -> str:
    return "none" if calibrator.name == "none" else f"{calibrator.name} ({calibrator})"


def _write(
    console: Console, found: "Calibration", *, plot: Path | None, report: Path | None
) -> None:
    if plot:
        from prefprop_cli.evaluation.drawing import write_figure
        from prefprop_cli.evaluation.plots import reliability_figure

        write_figure(reliability_figure(found.report, after=str(found.fitted.calibrator)), plot)
        console.info(f"drawn: {plot}")
    if report:
        from prefprop_cli.report.calibration_html import calibration_html
        from prefprop_cli.runs import write_atomically

        write_atomically(report, calibration_html(found).encode())
        console.info(f"written: {report}")


def _tell(console: Console, found: "Calibration", asked: Asked) -> None:
    if console.common.json:
        paper = paper_figures_of(found.adapter.config)
        console.result_json({**found.as_dict(), "paper": paper})
        return
    rows = list(_rows(found.report, first=asked.score))
    console.table(rows, header=("score", "before", "95 %", "after", "95 %"))
    tell_missing(console, {name: each.why for name, each in found.report.before.scores.items()})
    _tell_choice(console, found.fitted)
    fitted = found.fitted
    on = plural(fitted.n, "document")
    console.info(f"calibration: {_named(fitted.calibrator)}, fitted on {on} of validation")
    for when, state in (("before", found.report.before), ("after", found.report.after)):
        console.info(f"{when}: {state.told(asked.score, n=found.report.n)}")
    for line in reliability_bars(found.report):
        console.info(line)


def _tell_choice(console: Console, fitted: "Fitted") -> None:
    for trial in fitted.trials:
        console.info(f"auto: {trial.name} has NLL {trial.nll:.4f} ± {trial.se:.4f}{_beaten(trial)}")


def _beaten(trial: "Trial") -> str:
    if trial.beaten_by is None:
        return ""
    return f", beaten by {trial.beaten_by} by {trial.behind:.4f} ± {trial.behind_se:.4f}"


def _rows(report: "CalibrationReport", *, first: str) -> Iterator[list[str]]:
    for name in sorted(report.before.scores, key=lambda name: name != first):
        yield [name, *_cells(report.before.scores[name]), *_cells(report.after.scores[name])]


def _cells(score: "Score") -> tuple[str, str]:
    interval = score.interval
    return f"{score.value:.4f}", f"{interval.low:.4f}-{interval.high:.4f}" if interval else "-"


def _tell_all(console: Console, found: "Sequence[Calibration]", asked: Asked) -> None:
    """A row for each run, then the runs beside the first one, before and after calibration."""
    from prefprop_cli.cli.work.pages import tell_pages
    from prefprop_cli.report.calibration_tables import runs_page

    try:
        pages = list(_comparisons(console, found, asked))
    except (UsageError, DataError) as error:  # the calibrators are stored, and their figures known
        console.warn(f"not compared: {error}")
        pages = []
    record = {
        "runs": [each.as_dict() for each in found],
        "comparisons": {page.name: page.record for page in pages},
    }
    tell_pages(console, [runs_page(found, score=asked.score), *pages], record)


def _comparisons(
    console: Console, found: "Sequence[Calibration]", asked: Asked
) -> "Iterator[Page]":
    from prefprop_cli.cli.work.comparison import compare_runs

    calibrated = {each.folder.path.resolve(): each.calibrated for each in found}
    compare = partial(
        compare_runs,
        console,
        [each.folder.path for each in found],
        split=asked.split,
        metrics=(asked.score, "nll"),
        n_bins=asked.bins,
        backbone=asked.backbone,
        device=asked.device,
    )
    yield compare(name="before", title="Before calibration")
    yield compare(
        name="after",
        title="After calibration",
        calibrated=lambda run, _: calibrated[run.folder.path.resolve()],
    )


def _check(found: "Sequence[Calibration]", fail_above: float | None, *, score: str) -> None:
    values = {each.folder.path: each.report.after.scores[score].value for each in found}
    missed = [
        f"{path}: {score} after calibration is {value:.4f}, above {fail_above:g}"
        for path, value in values.items()
        if fail_above is not None and value > fail_above
    ]
    if missed:
        raise GateError("; ".join(missed))
