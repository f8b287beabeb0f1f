"""What `prefprop sweep` does once its options are checked."""

import re
import shlex
import sys
from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.work.experiment import prepare, tell_trained
from prefprop_cli.cli.work.sweep_view import SweepView, leaderboard_lines, shown
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import PrefpropError
from prefprop_cli.experiment.choice import choose_backbone
from prefprop_cli.experiment.predictor import resolve_device
from prefprop_cli.experiment.record import backbone_record, data_record
from prefprop_cli.experiment.settings import ExperimentSettings
from prefprop_cli.runs import check_writable
from prefprop_cli.sweep.leaderboard import Leaderboard
from prefprop_cli.sweep.plan import n_stages
from prefprop_cli.sweep.storage import without_password
from prefprop_cli.sweep.worker import Work, run_sweep

__all__ = ["make_ready", "print_best", "resolve_device", "search", "sweep_folder"]


def sweep_folder(out: Path | None, config: Config) -> Path:
    """The folder of a sweep, which can be written to.

    Raises:
        ResourceError: it cannot.
    """
    out = out or Path("sweeps") / (re.sub(r"[^\w.-]+", "-", config.name).strip(".-") or "sweep")
    check_writable(out)
    return out


def make_ready(
    console: Console, settings: ExperimentSettings, out: Path, device: str, stop: StopRequest
) -> Work:
    """Find the backbone and prepare the documents that all runs share.

    Raises:
        ConfigError: the configuration does not fit them.
        DataError: they cannot be used.
        Interrupted: a signal came.
    """
    # Whether the hub is out of reach must not change what a sweep goes on with.
    chosen, prepared = prepare(console, choose_backbone(settings, may_fall_back=False), stop)
    tell_trained(console, chosen, prepared)
    inputs = {**data_record(prepared), **backbone_record(chosen.plan)}
    argv = [without_password(argument) for argument in sys.argv]
    return Work(out, device, settings.sources, argv, inputs)


def search(
    console: Console, config: Config, work: Work, storage: str | None, stop: StopRequest
) -> Leaderboard:
    """Work on the trials until all are done.

    Args:
        console: is told.
        config: with the table `[sweep]`.
        work: what the runs share.
        storage: where trials are kept; None for a file in the folder of the sweep.
        stop: asked while it works.

    Raises:
        UsageError: the storage cannot be opened.
        Interrupted: a signal came; the trial on its way is saved.
    """
    return run_sweep(
        config,
        work,
        storage=storage or str(work.out / "sweep.journal"),
        stop=_Resumable(stop, again=shlex.join(["prefprop", *work.argv[1:]])),
        watcher=SweepView(console, n_stages=n_stages(config), metric=config.train.metric),
    )


class _Resumable:
    """A request to stop that tells how to go on."""

    def __init__(self, stop: StopRequest, *, again: str) -> None:
        self._stop, self._again = stop, again

    @property
    def requested(self) -> bool:
        return self._stop.requested

    def raise_if_requested(self, message: str = "") -> None:
        done = message or "stopped between trials"
        self._stop.raise_if_requested(f"{done}. Go on with: {self._again}")


def print_best(console: Console, board: Leaderboard) -> None:
    """Say how the trials went; the best run folder goes to stdout.

    Raises:
        PrefpropError: every trial of a stage failed; with the exit code of the last.
    """
    for line in leaderboard_lines(board):
        console.info(line)
    best = board.best
    if console.common.json:
        console.result_json(_record(board))
    if best is None:
        _raise_last_failure(board)
    elif not console.common.json:
        console.result(shown(best.run) if best.run else "")


def _record(board: Leaderboard) -> dict[str, object]:
    best, spread = board.best, board.seeds
    return {
        "metric": board.metric,
        "best": best and vars(best),
        "seeds": spread and spread._asdict(),
        "trials": [vars(trial) for standing in board.standings for trial in standing.trials],
    }


def _raise_last_failure(board: Leaderboard) -> None:
    last = board.standings[-1]
    failed = [trial for trial in last.trials if trial.state == "failed"]
    failure = PrefpropError(
        f"all {len(failed)} trials of stage {last.stage.number} failed, the last one: "
        f"{failed[-1].reason}"
    )
    failure.exit_code = failed[-1].exit_code or failure.exit_code
    raise failure
