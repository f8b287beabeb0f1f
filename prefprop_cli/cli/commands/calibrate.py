"""`prefprop calibrate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import UsageError
from prefprop_cli.tables import CALIBRATORS, Ece

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal["auto", *CALIBRATORS]


def command(
    context: typer.Context,
    *,
    runs: Annotated[
        list[Path] | None,
        o.argument(
            "Run folders, the others compared with the first; default: the newest finished "
            "one of ./runs.",
            "RUN",
            completion.runs,
        ),
    ] = None,
    split: o.Split = "test",
    bins: Annotated[
        int | None, o.option("Bins of the errors (eval.bins).", least=1, metavar="N")
    ] = None,
    method: Annotated[
        MethodName,
        o.option("How to calibrate; auto: the simplest that none beats in cross-validation."),
    ] = "temperature",
    ece: Annotated[Ece, o.option("Which definition of the error the table starts with.")] = "guo",
    all_scores: Annotated[
        bool, o.option("Show every score on a terminal, not the verdict alone.", "--all")
    ] = False,
    plot: Annotated[
        Path | None, o.option("Draw the reliability diagram.", metavar="FILE.svg|png")
    ] = None,
    report: Annotated[
        Path | None, o.option("Write all there is to say as one HTML file.", metavar="FILE.html")
    ] = None,
    allow_same_split: Annotated[
        bool,
        o.option("Report on validation, by what was fitted on other folds.", "--allow-same-split"),
    ] = False,
    fail_above: Annotated[
        float | None, o.option("Exit with 8 if the error stays above.", metavar="X")
    ] = None,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Measure calibration, before and after what was fitted for it.

    It is fitted on validation and stored in the run; `predict` uses it. Without RUN, that of the
    newest finished run of ./runs. A terminal shows the verdict, with --all or -v every score; a
    pipe and --json have them all.

    Example: prefprop calibrate runs/demo-1 --plot reliability.svg
    """
    console: Console = context.obj
    named: Sequence[Path | None] = runs or (None,)
    if len({path.resolve() for path in runs or ()}) < len(runs or ()):
        raise UsageError("a run was named twice. Name each once")
    if len(named) > 1 and (plot or report):
        raise UsageError("--plot and --report are of one run. Name one at a time")
    if plot:
        o.check_file(plot, flag="--plot", endings=o.PICTURES)
    if report:
        o.check_file(report, flag="--report", endings=(".html", ".htm"))
    folders = [o.finished_run(console, path) for path in named]
    from prefprop_cli.cli.work import calibrate as work
    from prefprop_cli.runs.distributed import world

    asked = work.CalibrationRequest(split, bins, method, ece, allow_same_split)
    machine = work.Machine(backbone, device)
    work.check(folders, split, plot=plot)
    found = [work.calibrated(console, folder, asked, machine=machine) for folder in folders]
    world().on_main(lambda: work.write(console, found[0], plot=plot, report=report))
    if len(found) > 1:
        work.tell_several(console, found, asked, machine=machine)
    else:
        every = all_scores or console.common.verbose
        work.tell(console, found[0], score=asked.score, all_scores=every)
    work.check_gate(found, fail_above, score=asked.score)
