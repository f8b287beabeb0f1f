"""Runs beside the first that was named: what `eval --compare` and `calibrate RUN RUN2` add."""

from collections.abc import Sequence
from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.options import Machine
from prefprop_cli.cli.work.logits import evaluate_missing
from prefprop_cli.errors import UsageError
from prefprop_cli.report.collect import collect
from prefprop_cli.report.page import Page
from prefprop_cli.report.pairwise import rivals, versus
from prefprop_cli.report.scores import Calibrated, score

CALIBRATION = ("ece", "nll")


def compare_runs(
    console: Console,
    paths: Sequence[Path],
    *,
    split: str,
    machine: Machine,
    metrics: Sequence[str] = (),
    calibrated: Calibrated | None = None,
    n_bins: int | None = None,
    name: str = "comparison",
    title: str = "",
) -> Page:
    """Every run, or folder of runs, beside the first one.

    Args:
        console: told what is left out and what is evaluated first.
        paths: run folders, or folders that hold some; the first is one run.
        split: that they are compared on.
        machine: that evaluates runs that never were.
        metrics: default: the one that decides on this data set, and the calibration error.
        calibrated: a run and its logits → calibrated ones; default: as they are.
        n_bins: of the errors; default: what the first run says.
        name: of the page.
        title: of the page.

    Raises:
        UsageError: the first is no finished run, or there is nothing beside it.
        DataError: they were trained for different documents.
    """
    found = collect(paths)
    data, notes = rivals(found.runs)
    for note in (*found.notes, *notes):
        console.warn(note)
    runs = [run for line in data.lines for run in line.runs]
    first = [run for run in runs if run.folder.path.resolve() == paths[0].resolve()]
    if not first:
        raise UsageError(
            f"{paths[0]}, which the others are compared with, is no finished run, or a later one "
            "has its configuration and seed. Name that one first"
        )
    table = first[0].config.eval
    settings = table.model_copy(update={"bins": n_bins or table.bins})
    folders = [run.folder for run in runs]
    evaluate_missing(console, folders, split, machine=machine)
    with console.progress(total=len(folders), label="run") as progress:
        scored = score(
            data,
            split,
            settings=settings,
            calibrated=calibrated,
            told=lambda: progress.update(progress.done + 1),
        )
    chosen = tuple(metrics) or tuple(dict.fromkeys((scored.metric, "accuracy", *CALIBRATION)))
    return versus(
        scored,
        first=paths[0],
        metrics=[name for name in chosen if name in scored.lines[0].estimates],
        name=name,
        title=title or f"{paths[0]} beside others, on {split}",
    )
