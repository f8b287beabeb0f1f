"""One of the processes that work on a sweep.

Optuna's storage gives a trial that waits to one process alone. Who trains it is who holds the lock
of its run folder, which the kernel lets go of however the process ends: the next one then takes
over at once, and goes on from the checkpoint. Of a machine that has no common folder with this
one the lock tells nothing; Optuna's heartbeat in the database does.
"""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import sleep
from typing import Protocol

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from prefprop_cli.cache import default_cache
from prefprop_cli.config.schema import Config
from prefprop_cli.config.sweep import Values, reasons
from prefprop_cli.errors import (
    ConfigError,
    NonFiniteError,
    PrefpropError,
    ResourceError,
    RunLockedError,
    is_out_of_memory,
)
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.launch import describe_run, train_run
from prefprop_cli.experiment.plan import make_plan, prepare_data
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.atomic import Record, make_folder
from prefprop_cli.sweep.leaderboard import Leaderboard, Standing, TrialRecord
from prefprop_cli.sweep.plan import Point, make_stage, n_stages
from prefprop_cli.sweep.storage import open_storage, quiet, storage_errors
from prefprop_cli.sweep.study import (
    INPUTS,
    OWNER,
    RESULT,
    SettingFailedError,
    StageStudy,
    open_study,
)
from prefprop_cli.training.events import Evaluated, Event, Hooks

POLL_S = 0.5


class Stop(Protocol):
    """A request to stop: whether there is one, and to leave if so, saying what was saved."""

    @property
    def requested(self) -> bool: ...

    def raise_if_requested(self, message: str = "") -> None: ...


class TrainView(Protocol):
    """Sees the events of a training, and how many documents of an evaluation are done."""

    def show(self, event: Event) -> None: ...

    def evaluated(self, done: int, total: int) -> None: ...


class Watcher(Protocol):
    """Is told that a stage or a trial begins, or goes on, how a trial ended here, and waits."""

    def stage(self, standing: Standing) -> None: ...

    def trial(
        self, title: str, settings: Values, folder: RunFolder, *, resumes: bool
    ) -> AbstractContextManager[TrainView]: ...

    def ended(self, trial: TrialRecord) -> None: ...

    def waiting(self, n_trials: int) -> None:
        """So many trials are left of a stage, and all run elsewhere; told again and again."""


@dataclass(frozen=True)
class Work:
    """How the runs of a sweep are trained."""

    out: Path
    """Folder of the sweep."""
    device: str
    """`cpu`, `cuda` or `cuda:N`."""
    sources: tuple[str, ...]
    """Files and settings that the configuration came from."""
    argv: Sequence[str]
    """The command line, as it may be written to a manifest."""
    inputs: Record
    """Data and backbone of the configuration, as of `experiment/record.py`."""


class _Left(BaseException):
    """The trial is not this process's any more; Optuna's loop is left without a word about it."""


def run_sweep(
    config: Config, work: Work, *, storage: str, stop: Stop, watcher: Watcher
) -> Leaderboard:
    """Work on a sweep until all of it is done, by this process and by others.

    `storage` is a database URL, or a file. Returns all stages; without the later ones if every
    trial of a stage failed.

    Raises:
        Interrupted: a signal came.
        PrefpropError: the storage failed, or a run could not be trained for a reason that is not
            its setting's.
    """
    with storage_errors(storage):
        opened = open_storage(storage)
        fixed: Values = {}
        finished: dict[str, FrozenTrial] = {}
        standings: list[Standing] = []
        for number in range(1, n_stages(config) + 1):
            stage = make_stage(config, number, fixed=fixed)
            study = open_study(opened, stage, train=config.train, inputs=work.inputs)
            study.fill(finished)
            watcher.stage(study.standing())
            _Worker(study, work, stop, watcher).finish(finished)
            standings.append(study.standing())
            best = standings[-1].best(config.train.metric)
            if best is None:
                break
            fixed = best.values
            finished |= study.complete()
        return Leaderboard(config.train.metric, tuple(standings))


class _Worker:
    """Works on the trials of a stage."""

    def __init__(self, study: StageStudy, work: Work, stop: Stop, watcher: Watcher) -> None:
        self._study, self._work, self._stop, self._watcher = study, work, stop, watcher
        self._host = socket.gethostname()
        self._without_owner: set[int] = set()

    def finish(self, finished: Mapping[str, FrozenTrial]) -> None:
        """Work, or wait for others, until no trial is left."""
        while self._study.fill(finished) or self._study.unfinished():
            self._stop.raise_if_requested()
            self._give_up_dead()
            if self._study.fill(finished):
                # The lock is held until Optuna has noted how the trial ended.
                with ExitStack() as held, suppress(_Left):
                    self._study.optimize(partial(self._run, held), on_end=self._watcher.ended)
            elif self._study.unfinished():
                self._wait()

    def _wait(self) -> None:
        self._watcher.waiting(len(self._study.unfinished()))
        self._stop.raise_if_requested()
        sleep(POLL_S)

    def _give_up_dead(self) -> None:
        """Note as lost what dead processes worked on, so that it is tried again."""
        with quiet():
            fail_stale_trials(self._study.study)
        for trial in self._study.unfinished():
            owner = trial.user_attrs.get(OWNER)
            if trial.state != TrialState.RUNNING:
                continue
            if owner is None:  # its process is about to take the lock, or dead the next time
                if trial.number in self._without_owner:
                    self._study.lose(trial)
                self._without_owner.add(trial.number)
            elif self._is_of_here(owner):
                folder = RunFolder(Path(owner["run"]))
                make_folder(folder.path)  # it may have been removed
                with suppress(RunLockedError), folder.lock():
                    self._study.lose(trial)

    def _is_of_here(self, owner: Mapping[str, str]) -> bool:
        """Whether the lock of the run folder tells: on this machine, or in a common folder."""
        is_common = not isinstance(self._study.storage, RDBStorage) and Path(owner["run"]).is_dir()
        return owner["host"] == self._host or is_common

    def _run(self, held: ExitStack, trial: optuna.Trial) -> float:
        """Train the run of a trial; what Optuna calls."""
        try:
            if self._study.place(trial) is None:
                self._study.lose(trial)
                raise _Left
            self._study.suggest(trial)
            point, before = self._study.stage.point(trial.params), trial.user_attrs.get(OWNER)
            path = (self._work.out / "runs" / point.folder).absolute()
            if before is not None and self._is_of_here(before):
                path = Path(before["run"])  # where the run was begun
            make_folder(path)
            self._lock(RunFolder(path), held)
            owner = {"host": self._host, "pid": os.getpid(), "run": str(path)}
            trial.set_user_attr(OWNER, owner)
            return self._train(trial, point, RunFolder(path))
        except UpdateFinishedTrialError:
            raise _Left from None
        except Exception as error:
            if (code := _exit_code(error)) is None:
                raise
            reason = "; ".join(reasons(error)) if isinstance(error, ValidationError) else str(error)
            trial.set_user_attr(RESULT, {"reason": reason, "exit_code": code})
            raise SettingFailedError from error

    def _lock(self, folder: RunFolder, held: ExitStack) -> None:
        while True:
            try:
                held.enter_context(folder.lock())
                return
            except RunLockedError:
                self._wait()

    def _train(self, trial: optuna.Trial, point: Point, folder: RunFolder) -> float:
        """Begin, go on from the newest checkpoint, or take over a run that is finished."""
        metric = point.config.train.metric
        plan = make_plan(point.config)
        prepared = prepare_data(plan, cache=default_cache(), stop=self._stop.raise_if_requested)
        settings = (f"-s {key}={json.dumps(value)}" for key, value in point.settings.items())
        sources = [*self._work.sources, *settings]
        describe_run(folder, plan, prepared, sources=sources, argv=self._work.argv)
        if folder.manifest["status"] == "finished":
            read_adapter(folder.adapter)
            return self._note(trial, folder.manifest["validation"])[metric]
        is_given_up = False

        def on_event(event: Event) -> None:
            nonlocal is_given_up
            training.show(event)
            if isinstance(event, Evaluated):
                is_given_up = self._study.report(trial, event.epoch, event.metrics[metric])

        resumes = any(folder.checkpoints.glob("step-*"))
        title = f"trial {self._study.place(trial)} of {self._study.stage.n_trials}"
        with self._watcher.trial(title, trial.params, folder, resumes=resumes) as training:
            result = train_run(
                plan,
                prepared,
                folder,
                device=self._work.device,
                hooks=Hooks(
                    on_event,
                    on_progress=training.evaluated,
                    should_stop=lambda: self._stop.requested or is_given_up,
                ),
                resume=resumes,
            )
        if result.status == "interrupted":
            self._stop.raise_if_requested(f"stopped at step {result.step}, saved")
        self._note(trial, result.metrics)
        if result.status == "interrupted":
            folder.update_manifest(exit_reason="pruned")
            raise optuna.TrialPruned
        return result.metrics[metric]

    def _note(self, trial: optuna.Trial, metrics: Mapping[str, float]) -> Mapping[str, float]:
        trial.set_user_attr(RESULT, {"metrics": dict(metrics)})
        trial.set_user_attr(INPUTS, self._study.inputs)
        return metrics


def _exit_code(error: Exception) -> int | None:
    """The exit code of a failure that other settings may not have; None for another failure."""
    causes = (error, error.__cause__)
    is_too_large = any(cause is not None and is_out_of_memory(cause) for cause in causes)
    if isinstance(error, ValidationError):
        return ConfigError.exit_code
    if isinstance(error, NonFiniteError) or is_too_large:
        return error.exit_code if isinstance(error, PrefpropError) else ResourceError.exit_code
    return None
