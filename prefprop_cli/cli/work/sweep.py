"""`prefprop sweep`: the runs of a `[sweep]` table, and the best of them."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.work.experiment import load_settings
from prefprop_cli.cli.work.train import find, prepare, stay_offline
from prefprop_cli.errors import PrefpropError, UsageError
from prefprop_cli.parallel import world

if TYPE_CHECKING:
    from prefprop_cli.sweep.records import Leaderboard


def run(
    console: Console,
    *,
    preset: str | None,
    overrides: Sequence[str],
    source: str | None,
    out: Path | None,
    storage: str | None,
    device: str,
    offline: bool,
) -> None:
    """Work on a sweep until it is done, and write the best run folder to stdout.

    Raises:
        ConfigError: there is no `[sweep]`, or something in it is wrong.
        UsageError: Optuna is missing, the storage cannot be opened, or torchrun started this.
        PrefpropError: every trial of a stage failed; with the exit code of the last.
        Interrupted: a signal came; the trial on its way is saved.
    """
    _refuse_ranks()
    stay_offline(offline)
    loaded = load_settings(preset, overrides, source=source)
    from prefprop_cli.sweep import require_optuna
    from prefprop_cli.sweep.plan import check, n_stages

    check(loaded.config)
    require_optuna()
    from prefprop_cli.build.record import backbone_record, data_record
    from prefprop_cli.build.run import resolve_device
    from prefprop_cli.cli.work.sweep_view import SweepView
    from prefprop_cli.config.sweep import with_values
    from prefprop_cli.runs import check_writable
    from prefprop_cli.sweep.attempt import Work
    from prefprop_cli.sweep.storage import without_password
    from prefprop_cli.sweep.worker import run_sweep

    config = loaded.config
    out = out or Path("sweeps") / (re.sub(r"[^\w.-]+", "-", config.name).strip(".-") or "sweep")
    argv = [without_password(argument) for argument in sys.argv]
    device = resolve_device(device)
    check_writable(out)
    with StopRequest() as stop:
        plan = find(console, with_values(config, {}))
        prepared = prepare(console, plan, stop)
        inputs = {**data_record(prepared), **backbone_record(plan)}
        work = Work(out, device, loaded.sources, argv, inputs)
        board = run_sweep(
            config,
            work,
            storage=storage or str(out / "sweep.journal"),
            stop=_Resumable(stop, again=shlex.join(["prefprop", *argv[1:]])),
            watcher=SweepView(console, n_stages=n_stages(config), metric=config.train.metric),
        )
    _tell(console, board)


def _refuse_ranks() -> None:
    if (size := world().size) > 1:
        raise UsageError(
            f"a launcher started {size} processes for one run, and a sweep gives each process a "
            "run of its own. Start `prefprop sweep` several times instead"
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


def _tell(console: Console, board: "Leaderboard") -> None:
    from prefprop_cli.cli.work.sweep_view import leaderboard_lines, shown

    for line in leaderboard_lines(board):
        console.info(line)
    best = board.best
    if console.common.json:
        console.result_json(_record(board))
    if best is None:
        _raise_last_failure(board)
    elif not console.common.json:
        console.result(shown(best.run) if best.run else "")


def _record(board: "Leaderboard") -> dict[str, object]:
    best, spread = board.best, board.spread
    return {
        "metric": board.metric,
        "best": best and vars(best),
        "seeds": spread and vars(spread),
        "trials": [vars(trial) for standing in board.standings for trial in standing.trials],
    }


def _raise_last_failure(board: "Leaderboard") -> None:
    last = board.standings[-1]
    failed = [trial for trial in last.trials if trial.state == "failed"]
    failure = PrefpropError(
        f"all {len(failed)} trials of stage {last.stage.number} failed, the last one: "
        f"{failed[-1].reason}"
    )
    failure.exit_code = failed[-1].exit_code or failure.exit_code
    raise failure
