"""The trials of a stage in the storage: the one place that speaks Optuna.

A study is planned before anything runs: each point of the stage is a trial that waits, so no
sampler is ever asked. Trials are claimed one by one, which a database and a journal file grant to
one process only. Where two processes planned the same study, the first trial of a point counts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import optuna
from optuna.distributions import CategoricalChoiceType, CategoricalDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from prefprop_cli.errors import DataError
from prefprop_cli.experiment.record import changes
from prefprop_cli.runs.atomic import Record
from prefprop_cli.sweep.leaderboard import Standing, State, Trial
from prefprop_cli.sweep.plan import SEED, Point, Stage
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER

CREATOR_S = 10.0
"""A process that plans a study and adds nothing for so long is dead."""

_STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}
_PLANNED = "planned"
_POINT, _OWNER, _BEAT, _RESULT, _REUSED = "point", "owner", "beat", "result", "reused"
_INPUTS = "inputs"


@dataclass(frozen=True)
class Owner:
    """Who runs a trial, and where."""

    host: str
    pid: int
    run: str


@dataclass(frozen=True)
class StageStudy:
    """A stage and its study, planned."""

    stage: Stage
    storage: BaseStorage
    study: optuna.Study
    inputs: Record
    """Data and backbone of the runs of this process."""

    def trials(self) -> list[FrozenTrial]:
        """One trial for each point, in the order of the plan."""
        first: dict[int, FrozenTrial] = {}
        for trial in self.study.get_trials(deepcopy=False):
            first.setdefault(_place(trial), trial)
        return [first[place] for place in sorted(first)]

    def unfinished(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if not trial.state.is_finished()]

    def point(self, trial: FrozenTrial) -> Point:
        return self.stage.points[_place(trial)]

    def claim(self, trial: FrozenTrial) -> bool:
        """Take a trial that waits; False if another process was faster."""
        try:
            return self.storage.set_trial_state_values(_id(trial), state=TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False

    def owner(self, trial: FrozenTrial) -> Owner | None:
        """Who said last that the trial is theirs."""
        found = trial.user_attrs.get(_OWNER)
        return Owner(**found) if found else None

    def own(self, trial: FrozenTrial, owner: Owner) -> bool:
        """Say whose the trial is; False if it is finished by now."""
        try:
            self.storage.set_trial_user_attr(_id(trial), _OWNER, vars(owner))
        except UpdateFinishedTrialError:
            return False
        return True

    def beat(self, trial: FrozenTrial, count: int) -> None:
        """Say that its owner is alive."""
        self.storage.set_trial_user_attr(_id(trial), _BEAT, count)

    def signs_of_life(self, trial: FrozenTrial) -> object:
        """What changes as long as the owner is alive."""
        return trial.user_attrs.get(_OWNER), trial.user_attrs.get(_BEAT)

    def report(self, trial: FrozenTrial, *, epoch: int, metric: float) -> bool:
        """Note the metric of an epoch; whether to give the trial up.

        It is hopeless, or another process has finished it while this one was thought to be dead.
        """
        try:
            self.storage.set_trial_intermediate_value(_id(trial), epoch, metric)
        except UpdateFinishedTrialError:
            return True
        return self.study.pruner.prune(self.study, self.storage.get_trial(_id(trial)))

    def finish(
        self,
        trial: FrozenTrial,
        *,
        state: State,
        metric: float | None = None,
        result: Mapping[str, object],
    ) -> None:
        """Note how a trial ended; what another process has noted before stays."""
        optuna_state = next(key for key, name in _STATES.items() if name == state)
        values = None if metric is None else [metric]
        try:
            self.storage.set_trial_user_attr(_id(trial), _RESULT, dict(result))
            self.storage.set_trial_user_attr(_id(trial), _INPUTS, self.inputs)
            self.storage.set_trial_state_values(_id(trial), state=optuna_state, values=values)
        except UpdateFinishedTrialError:
            pass

    def complete(self) -> dict[str, FrozenTrial]:
        """The finished trials by the digests of their configurations."""
        return {
            self.point(trial).digest: trial
            for trial in self.trials()
            if trial.state == TrialState.COMPLETE
        }

    def standing(self) -> Standing:
        """All trials as they are now."""
        return Standing(self.stage, tuple(map(self._describe, self.trials())))

    def record(self, trial: FrozenTrial) -> Trial:
        """A trial as it is now."""
        return self._describe(self.storage.get_trial(_id(trial)))

    def _describe(self, trial: FrozenTrial) -> Trial:
        point, owner = self.point(trial), self.owner(trial)
        return Trial(
            stage=self.stage.number,
            values={key: value for key, value in point.settings.items() if key != SEED},
            seed=point.seed,
            state=_STATES[trial.state],
            metric=trial.value,
            run=Path(owner.run) if owner else None,
            host=owner.host if owner else None,
            reused=trial.user_attrs.get(_REUSED, False),
            **trial.user_attrs.get(_RESULT, {}),
        )


def open_study(
    storage: BaseStorage,
    stage: Stage,
    *,
    metric: str,
    epochs: int,
    finished: Mapping[str, FrozenTrial],
    inputs: Record,
    pause: Callable[[], None],
) -> StageStudy:
    """Open the study of a stage, planned by this process or by another one.

    Args:
        storage: of the sweep.
        stage: what is to be run.
        metric: on validation; decides what is best.
        epochs: of a run; no run is given up in the first third of them.
        finished: trials of earlier stages by the digest of their configurations: a point that
            has the same one takes over the result.
        inputs: data and backbone that its runs are of.
        pause: called while another process plans; sleeps, and may raise to leave.

    Raises:
        DataError: runs that are done are of other data, or of another backbone.
    """
    pruner = MedianPruner(n_startup_trials=2, n_warmup_steps=epochs // 3 + 1)
    chosen: BasePruner = pruner if stage.prunes else NopPruner()
    is_loss = metric in LOWER_IS_BETTER
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=stage.study,
            direction="minimize" if is_loss else "maximize",
            pruner=chosen,
        )
        opened = StageStudy(stage, storage, study, inputs)
    except DuplicatedStudyError:
        study = optuna.load_study(storage=storage, study_name=stage.study, pruner=chosen)
        opened = StageStudy(stage, storage, study, inputs)
        _await_plan(opened, pause)
    _check_inputs(opened)
    if not study.user_attrs.get(_PLANNED):
        _plan(opened, finished)
    return opened


def _check_inputs(opened: StageStudy) -> None:
    """See that the trials that are done were of the same data and backbone."""
    for trial in opened.trials():
        if found := changes(trial.user_attrs.get(_INPUTS, {}), opened.inputs):
            raise DataError(
                f"runs of this sweep are of other data or another backbone: {'; '.join(found)}. "
                "Put back what it was, or begin a new sweep: --out FOLDER"
            )


def _await_plan(opened: StageStudy, pause: Callable[[], None]) -> None:
    """Wait for the process that created the study, as long as it is alive."""
    n_seen, since_s = -1, monotonic()
    while not opened.study.user_attrs.get(_PLANNED):
        if (n_trials := len(opened.trials())) != n_seen:
            n_seen, since_s = n_trials, monotonic()
        elif monotonic() - since_s > CREATOR_S:
            return
        pause()


def _plan(opened: StageStudy, finished: Mapping[str, FrozenTrial]) -> None:
    """Add the points that have no trial yet."""
    planned = {_place(trial) for trial in opened.trials()}
    for place, point in enumerate(opened.stage.points):
        if place not in planned:
            earlier = finished.get(point.digest)
            opened.study.add_trial(_new_trial(opened.stage, place, earlier))
    opened.study.set_user_attr(_PLANNED, True)


def _new_trial(stage: Stage, place: int, earlier: FrozenTrial | None) -> FrozenTrial:
    settings = stage.points[place].settings
    reused = {**earlier.user_attrs, _REUSED: True} if earlier else {}
    return create_trial(
        state=TrialState.COMPLETE if earlier else TrialState.WAITING,
        value=earlier.value if earlier else None,
        params={key: _choice(settings[key]) for key in stage.keys},
        distributions={key: _choices(stage.points, key) for key in stage.keys},
        user_attrs={**reused, _POINT: place},
        intermediate_values=earlier.intermediate_values if earlier else None,
    )


def _choices(points: Iterable[Point], key: str) -> CategoricalDistribution:
    return CategoricalDistribution(list(dict.fromkeys(_choice(p.settings[key]) for p in points)))


def _choice(value: object) -> CategoricalChoiceType:
    return value if isinstance(value, bool | int | float | str) else str(value)


def _place(trial: FrozenTrial) -> int:
    return int(trial.user_attrs[_POINT])


def _id(trial: FrozenTrial) -> int:
    return trial._trial_id
