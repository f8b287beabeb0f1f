"""The trials of a stage as Optuna's storage keeps them.

A trial that failed without a reason was lost: its process died or was stopped. It is tried again
by a new one, which goes on in its run folder. Of several trials of the same run the first counts
that was not lost, so that any process may add what is missing.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.distributions import CategoricalChoiceType, CategoricalDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from prefprop_cli.config.schema import TrainTable
from prefprop_cli.config.space import Range
from prefprop_cli.config.sweep import takes_integers
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.record import changes
from prefprop_cli.runs.atomic import Record
from prefprop_cli.sweep.leaderboard import Standing, State, TrialRecord
from prefprop_cli.sweep.plan import SEED, Stage
from prefprop_cli.sweep.storage import quiet, retry
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER

OWNER, RESULT, INPUTS = "owner", "result", "inputs"
_POINT, _REUSED = "point", "reused"
_STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


class SettingFailedError(Exception):
    """A run failed as others may not; the reason is noted."""


@dataclass(frozen=True)
class StageStudy:
    """A stage and its study."""

    stage: Stage
    storage: BaseStorage
    study: optuna.Study
    inputs: Record
    """Data and backbone of the runs of this process."""

    def trials(self) -> list[FrozenTrial]:
        """The trials that count, in the order of the grid, or as a search proposed them."""
        found = self._by_run()
        return [found[run] for run in sorted(found)][: self.stage.n_trials]

    def unfinished(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if not trial.state.is_finished()]

    def fill(self, finished: Mapping[str, FrozenTrial]) -> bool:
        """Add what was lost, and the runs of a grid that have no trial.

        A run takes over the result of one of `finished`, trials of earlier stages by the digests
        of their configurations. Returns whether there is a trial to begin.
        """
        found = self._by_run()
        for trial in self.study.get_trials(deepcopy=False):
            run, is_whole = self._run(trial), trial.params.keys() == self.stage.space.keys()
            if run is not None and is_whole and run not in found:
                retry(self.study, trial)
                found[run] = trial
        for place, point in enumerate(self.stage.points):
            if place not in found:
                self._add(place, finished.get(point.digest))
        is_waiting = any(trial.state == TrialState.WAITING for trial in self.unfinished())
        return is_waiting or len(self.trials()) < self.stage.n_trials

    def optimize(
        self, run: Callable[[optuna.Trial], float], *, on_end: Callable[[TrialRecord], None]
    ) -> None:
        """Have Optuna hand out a trial, keep its heartbeat and note how it ends.

        The sampler's seed is the place in the search: one that was killed goes on as if not.
        """
        with quiet():
            seed = (self.stage.config.train.seed + len(self.trials())) % 2**32
            self.study.sampler = TPESampler(seed=seed, constant_liar=True)
        ended = [lambda _, trial: on_end(self.record(trial))]
        self.study.optimize(run, n_trials=1, catch=(SettingFailedError,), callbacks=ended)

    def place(self, trial: optuna.Trial) -> int | None:
        """Which of the trials that count it is, from 1; None if it does not."""
        numbers = [each.number for each in self.trials()]
        return numbers.index(trial.number) + 1 if trial.number in numbers else None

    def suggest(self, trial: optuna.Trial) -> None:
        """Have the sampler choose the values of a trial that has none yet."""
        for key, values in {} if self.stage.points else self.stage.space.items():
            if not isinstance(values, Range):
                trial.suggest_categorical(key, [_choice(value) for value in values])
            elif takes_integers(key):
                step = int(values.step or 1)
                trial.suggest_int(key, int(values.low), int(values.high), step=step, log=values.log)
            else:
                trial.suggest_float(key, values.low, values.high, step=values.step, log=values.log)

    def lose(self, trial: FrozenTrial | optuna.Trial) -> None:
        """Note that nobody works on a trial any more."""
        with suppress(UpdateFinishedTrialError):
            self.storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)

    def report(self, trial: optuna.Trial, epoch: int, metric: float) -> bool:
        """Note the metric of an epoch; whether to give the trial up.

        It is hopeless, or another process has it while this one was thought to be dead.
        """
        try:
            self.storage.set_trial_intermediate_value(trial._trial_id, epoch, metric)
        except UpdateFinishedTrialError:
            return True
        return self.study.pruner.prune(self.study, self.storage.get_trial(trial._trial_id))

    def complete(self) -> dict[str, FrozenTrial]:
        """The finished trials by the digests of their configurations."""
        return {
            self.stage.point(trial.params).digest: trial
            for trial in self.trials()
            if trial.state == TrialState.COMPLETE
        }

    def standing(self) -> Standing:
        """All trials as they are now."""
        return Standing(self.stage, tuple(map(self.record, self.trials())))

    def record(self, trial: FrozenTrial) -> TrialRecord:
        """A trial, told without Optuna."""
        values = {**self.stage.fixed, **trial.params}
        owner, metric = trial.user_attrs.get(OWNER, {}), trial.value
        if trial.state == TrialState.PRUNED and trial.intermediate_values:
            best = min if self.study.direction.name == "MINIMIZE" else max
            metric = best(trial.intermediate_values.values())
        return TrialRecord(
            stage=self.stage.number,
            seed=values.pop(SEED, self.stage.config.train.seed),
            values=values,
            state=_STATES[trial.state],
            metric=metric,
            run=Path(owner["run"]) if owner else None,
            host=owner.get("host"),
            reused=trial.user_attrs.get(_REUSED, False),
            **trial.user_attrs.get(RESULT, {}),
        )

    def _by_run(self) -> dict[int, FrozenTrial]:
        found: dict[int, FrozenTrial] = {}
        for trial in self.study.get_trials(deepcopy=False):
            has_reason = "reason" in trial.user_attrs.get(RESULT, {})
            run = self._run(trial)
            if run is not None and (trial.state != TrialState.FAIL or has_reason):
                found.setdefault(run, trial)
        return found

    def _run(self, trial: FrozenTrial) -> int | None:
        """The place in the grid, or the first trial of the same proposal."""
        if self.stage.points:
            return trial.user_attrs.get(_POINT)
        return int(trial.system_attrs.get("failed_trial", trial.number))

    def _add(self, place: int, earlier: FrozenTrial | None) -> None:
        points, keys = self.stage.points, self.stage.space
        choices = {key: [_choice(point.settings[key]) for point in points] for key in keys}
        reused = {**earlier.user_attrs, _REUSED: True} if earlier else {}
        trial = create_trial(
            state=TrialState.COMPLETE if earlier else TrialState.WAITING,
            value=earlier.value if earlier else None,
            params={key: points[place].settings[key] for key in keys},
            distributions={
                key: CategoricalDistribution([*dict.fromkeys(choices[key])]) for key in keys
            },
            user_attrs={**reused, _POINT: place},
            intermediate_values=earlier.intermediate_values if earlier else None,
        )
        self.study.add_trial(trial)


def _choice(value: object) -> CategoricalChoiceType:
    """A value as Optuna stores it; no key of the configuration has others."""
    return value if isinstance(value, bool | int | float) else str(value)


def open_study(
    storage: BaseStorage, stage: Stage, *, train: TrainTable, inputs: Record
) -> StageStudy:
    """Open the study of a stage, or make it.

    `train.metric` on validation decides what is best; no run is given up in the first third of
    its `train.epochs`. `inputs` are data and backbone of the runs.

    Raises:
        DataError: runs that are done are of other data, or of another backbone.
    """
    pruner = MedianPruner(n_startup_trials=2, n_warmup_steps=train.epochs // 3 + 1)
    study = optuna.create_study(
        storage=storage,
        study_name=stage.study,
        direction="minimize" if train.metric in LOWER_IS_BETTER else "maximize",
        pruner=pruner if stage.prunes else NopPruner(),
        load_if_exists=True,
    )
    opened = StageStudy(stage, storage, study, inputs)
    for trial in opened.trials():
        if found := changes(trial.user_attrs.get(INPUTS, {}), inputs):
            raise DataError(
                f"runs of this sweep are of other data or another backbone: {'; '.join(found)}. "
                "Put back what it was, or begin a new sweep: --out FOLDER"
            )
    return opened
