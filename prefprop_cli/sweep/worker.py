"""One of the processes that work on a sweep.

A trial is worked on by who holds the lock of its run folder, and only while it is unfinished. The
kernel lets go of the lock of a dead process, so the next one takes its trial over at once and
goes on from the checkpoint. Of a trial on another machine the lock tells nothing: it is taken
over when its owner has shown no sign of life for a while.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from time import sleep
from typing import Protocol

from optuna.trial import FrozenTrial, TrialState

from prefprop_cli.config.schema import Config
from prefprop_cli.config.sweep import Values
from prefprop_cli.errors import RunLockedError
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.atomic import make_folder
from prefprop_cli.sweep.heartbeat import Heartbeat, Observer
from prefprop_cli.sweep.leaderboard import Leaderboard, Standing, Trial
from prefprop_cli.sweep.plan import Point, Stage, make_stage, n_stages
from prefprop_cli.sweep.storage import open_storage, storage_errors
from prefprop_cli.sweep.study import Owner, StageStudy, open_study
from prefprop_cli.sweep.trial import Attempt, Stop, TrainView, Work

POLL_S = 0.5


class Watcher(Protocol):
    """Is told what happens."""

    def stage(self, standing: Standing) -> None:
        """A stage begins, or goes on."""

    def trial(
        self, stage: Stage, point: Point, folder: RunFolder, *, resumes: bool
    ) -> AbstractContextManager[TrainView]:
        """A trial begins, or goes on; what is returned sees its training."""

    def ended(self, trial: Trial) -> None:
        """A trial has ended here."""

    def waiting(self, n_trials: int) -> None:
        """So many trials are left of a stage, and all run elsewhere; told again and again."""


def run_sweep(
    config: Config, work: Work, *, storage: str, stop: Stop, watcher: Watcher
) -> Leaderboard:
    """Work on a sweep until all of it is done, by this process and by others.

    Args:
        config: with a table `[sweep]`, checked.
        work: where runs are kept and how they are trained.
        storage: a database URL, or a file.
        stop: a request to stop; a trial on its way saves its state first.
        watcher: is told what happens.

    Returns:
        All stages; without the later ones if every trial of a stage failed.

    Raises:
        Interrupted: a signal came.
        PrefpropError: the storage failed, or a run could not be trained for a reason that is not
            its setting's.
    """
    with storage_errors(storage):
        opened = open_storage(storage)
        metric, epochs = config.train.metric, config.train.epochs
        worker = _Worker(work, stop=stop, watcher=watcher)
        fixed: Values = {}
        finished: dict[str, FrozenTrial] = {}
        standings: list[Standing] = []
        for number in range(1, n_stages(config) + 1):
            study = open_study(
                opened,
                make_stage(config, number, fixed=fixed),
                metric=metric,
                epochs=epochs,
                finished=finished,
                inputs=work.inputs,
                pause=worker.pause,
            )
            watcher.stage(study.standing())
            worker.finish(study)
            standings.append(study.standing())
            best = standings[-1].best(metric)
            if best is None:
                break
            fixed = best.values
            finished |= study.complete()
        return Leaderboard(metric, tuple(standings))


class _Worker:
    def __init__(self, work: Work, *, stop: Stop, watcher: Watcher) -> None:
        self._work, self._stop, self._watcher = work, stop, watcher
        self._host = socket.gethostname()
        self._others = Observer()

    def pause(self) -> None:
        """Wait a moment for other processes."""
        self._stop.raise_if_requested()
        sleep(POLL_S)

    def finish(self, study: StageStudy) -> None:
        """Work, or wait for others, until no trial of the stage is left."""
        while study.unfinished():
            self._stop.raise_if_requested()
            if not any(self._attempt(study, trial) for trial in self._candidates(study)):
                self._watcher.waiting(len(study.unfinished()))
                self.pause()

    def _candidates(self, study: StageStudy) -> Iterator[FrozenTrial]:
        """First what waits, each claimed as it is handed out, then what may be abandoned."""
        for trial in study.unfinished():
            if trial.state == TrialState.WAITING and study.claim(trial):
                study.own(trial, self._me(study, trial))
                yield trial
        for trial in study.unfinished():
            if trial.state == TrialState.RUNNING and self._may_be_abandoned(study, trial):
                yield trial

    def _may_be_abandoned(self, study: StageStudy, trial: FrozenTrial) -> bool:
        owner = study.owner(trial)
        if owner is not None and owner.host == self._host:
            return True  # the lock will tell
        name = study.stage.study, trial.number
        return self._others.is_stale(name, study.signs_of_life(trial))

    def _attempt(self, study: StageStudy, trial: FrozenTrial) -> bool:
        """Run a trial, or go on with it; False if it is another process that does."""
        owner = self._me(study, trial)
        folder = RunFolder(Path(owner.run))
        make_folder(folder.path)
        with ExitStack() as held:
            try:
                held.enter_context(folder.lock())
            except RunLockedError:
                return False
            if not study.own(trial, owner):
                return True
            with Heartbeat(partial(study.beat, trial)):
                Attempt(study, trial, folder, self._work, self._stop).run(self._watcher.trial)
            self._watcher.ended(study.record(trial))
        return True

    def _me(self, study: StageStudy, trial: FrozenTrial) -> Owner:
        """This process as the owner; on the machine of the last one in the same run folder."""
        before = study.owner(trial)
        here = self._work.out / "runs" / study.point(trial).folder
        is_here = before is not None and before.host == self._host
        run = before.run if before and is_here else str(here.absolute())
        return Owner(host=self._host, pid=os.getpid(), run=run)
