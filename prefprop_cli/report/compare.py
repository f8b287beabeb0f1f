"""Compare runs with the first of them, seed by seed and document by document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prefprop_cli.errors import UsageError
from prefprop_cli.report.collect import FinishedRun, collect
from prefprop_cli.report.groups import DataSet
from prefprop_cli.report.page import Page
from prefprop_cli.report.pairwise import rivals, versus
from prefprop_cli.report.scores import Calibrated, score
from prefprop_cli.runs import RunFolder

CALIBRATION = ("ece", "nll")


@dataclass(frozen=True)
class Contest:
    """Runs that are compared with the one that was named first."""

    path: Path
    """Of the first one."""
    data: DataSet
    notes: tuple[str, ...]
    """What was left out, and why."""

    @property
    def runs(self) -> list[RunFolder]:
        return [run.folder for line in self.data.lines for run in line.runs]

    @property
    def first(self) -> FinishedRun:
        """The run that the others are compared with.

        Raises:
            UsageError: it was left out.
        """
        path = self.path.resolve()
        for line in self.data.lines:
            for run in line.runs:
                if run.folder.path.resolve() == path:
                    return run
        raise UsageError(
            f"{self.path}, which the others are compared with, is no finished run, or a later one "
            "has its configuration and seed. Name that one first"
        )


def contest_of(paths: Sequence[Path]) -> Contest:
    """Find the runs below some paths, the first of which is a run folder.

    Raises:
        UsageError: there is nothing beside the first, or runs have no logits of validation.
        DataError: they were trained for different documents.
        CorruptFileError: the logits are damaged.
    """
    found = collect(paths)
    data, notes = rivals(found.runs)
    return Contest(paths[0], data, (*found.notes, *notes))


def compare_runs(
    contest: Contest,
    split: str,
    *,
    metrics: Sequence[str] = (),
    n_bins: int | None = None,
    calibrated: Calibrated | None = None,
    on_run: Callable[[], None] = lambda: None,
) -> Page:
    """Compare runs that were evaluated on a split.

    Args:
        contest: the runs.
        split: that they are compared on.
        metrics: default: the one that decides on this data set, and the calibration error.
        n_bins: of the errors; default: what the first run says.
        calibrated: a run and its logits → calibrated ones; default: as they are.
        on_run: is called after each run.

    Raises:
        UsageError, CorruptFileError, DataError: as `score`.
    """
    table = contest.first.config.eval
    scored = score(
        contest.data,
        split,
        settings=table.model_copy(update={"bins": n_bins or table.bins}),
        calibrated=calibrated,
        told=on_run,
    )
    chosen = tuple(metrics) or tuple(dict.fromkeys((scored.metric, "accuracy", *CALIBRATION)))
    return versus(
        scored,
        first=contest.path,
        metrics=[name for name in chosen if name in scored.lines[0].estimates],
        name="comparison",
        title=f"{contest.path} beside others, on {split}",
    )
