"""A sweep, drawn: a heading for each stage and trial, and the leaderboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefprop_cli.cli import layout
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work.train_view import TrainingDisplay
from prefprop_cli.config.sweep import Values
from prefprop_cli.runs import RunFolder
from prefprop_cli.sweep.leaderboard import Leaderboard, Standing, TrialRecord
from prefprop_cli.sweep.plan import text
from prefprop_cli.words import escape, plural

_LONGEST_REASON = 60


class SweepView:
    """Shows the trials of this process.

    Args:
        console: where people look.
        n_stages: of the sweep.
        metric: that trials are compared by.
    """

    def __init__(self, console: Console, *, n_stages: int, metric: str) -> None:
        self._console, self._n_stages, self._metric = console, n_stages, metric
        self._n_waited_for = 0

    def stage(self, standing: Standing) -> None:
        """Say what the stage tries, and how much of it is done."""
        stage = standing.stage
        n_done = sum(trial.state not in ("waiting", "running") for trial in standing.trials)
        done = f", {n_done} done" if n_done else ""
        self._console.info(
            f"stage {stage.number} of {self._n_stages}: {stage.title}, "
            f"{plural(stage.n_trials, 'trial')}{done}"
        )

    @contextmanager
    def trial(
        self, title: str, settings: Values, folder: RunFolder, *, resumes: bool
    ) -> Iterator[TrainingDisplay]:
        """Head the training of a trial, and show it."""
        self._n_waited_for = 0
        words = ", ".join(f"{key} = {text(value)}" for key, value in settings.items())
        goes_on = ", goes on" if resumes else ""
        self._console.info(f"{title}: {words}{goes_on}; run: {shown(folder.path)}")
        with TrainingDisplay(self._console, log=folder.log) as view:
            yield view

    def ended(self, trial: TrialRecord) -> None:
        """Say how a trial ended."""
        if trial.state == "failed":
            self._console.warn(f"the trial failed: {trial.reason}")
        else:
            self._console.info(f"{trial.state}: {self._metric} {_figure(trial.metric)}")

    def waiting(self, n_trials: int) -> None:
        """Say that others are at work, once for each number of trials."""
        if n_trials != self._n_waited_for:
            self._console.info(f"waiting for {plural(n_trials, 'trial')} of other processes")
            self._n_waited_for = n_trials


def leaderboard_lines(board: Leaderboard) -> Iterator[str]:
    """The leaderboard, stage by stage, the best trial first."""
    for standing in board.standings:
        stage = standing.stage
        yield f"stage {stage.number}: {stage.title}"
        ranked = standing.ranked(board.metric)
        header = [*stage.space, board.metric, "state", "run"]
        rows = [_row(standing, trial) for trial in ranked]
        yield from (f"  {line}" for line in layout.table(rows, header=header))
    if spread := board.seeds:
        sd = "" if spread.sd is None else f" ± {spread.sd:.4f}"
        yield f"{board.metric} {spread.mean:.4f}{sd} over {plural(spread.n, 'seed')}"


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _row(standing: Standing, trial: TrialRecord) -> list[str]:
    values = [text(value) for value in standing.settings(trial).values()]
    state = "reused" if trial.reused else trial.state
    where = shown(trial.run) if trial.run else ""
    reason = f"  {trial.reason}"[:_LONGEST_REASON] if trial.reason else ""
    return [*map(escape, values), _figure(trial.metric), state, escape(where + reason)]


def _figure(metric: float | None) -> str:
    return "-" if metric is None else f"{metric:.4f}"
