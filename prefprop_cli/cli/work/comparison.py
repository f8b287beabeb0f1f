"""Runs beside the first that was named: what `eval --compare` and `calibrate RUN RUN2` add."""

from collections.abc import Sequence
from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work.views import counting
from prefprop_cli.experiment.evaluate import Machine, logits_of, not_evaluated
from prefprop_cli.report.compare import Contest, contest_of
from prefprop_cli.report.compare import compare_runs as compare
from prefprop_cli.report.page import Page
from prefprop_cli.report.scores import Calibrated
from prefprop_cli.runs import RunFolder


def evaluate_missing(
    console: Console, runs: Sequence[RunFolder], split: str, *, machine: Machine
) -> None:
    """Evaluate the runs that never were on this split, with progress."""
    missing = not_evaluated(runs, split)
    for number, (run, name) in enumerate(missing, start=1):
        console.info(f"evaluating {run.path} on {name} ({number} of {len(missing)})")
        with counting(console) as on_progress:
            logits_of(run, name, machine=machine, on_progress=on_progress)


def opponents(console: Console, paths: Sequence[Path], split: str, *, machine: Machine) -> Contest:
    """Every run, or folder of runs, to be set beside the first; evaluated where it never was.

    Raises:
        UsageError, DataError: as `contest_of`.
    """
    contest = contest_of(paths)
    for note in contest.notes:
        console.warn(note)
    contest.first  # noqa: B018 - says what is wrong with it
    evaluate_missing(console, contest.runs, split, machine=machine)
    return contest


def compare_runs(
    console: Console,
    contest: Contest,
    split: str,
    *,
    metrics: Sequence[str] = (),
    n_bins: int | None = None,
    calibrated: Calibrated | None = None,
) -> Page:
    """`report.compare.compare_runs` with progress."""
    with console.progress(total=len(contest.runs), label="run") as progress:
        return compare(
            contest,
            split,
            metrics=metrics,
            n_bins=n_bins,
            calibrated=calibrated,
            on_run=lambda: progress.update(progress.done + 1),
        )
