"""The trials of a stage as Optuna's storage keeps them.

A trial counts unless it was lost: failed without a reason, because its process died or was
stopped. A lost trial is tried again by a new one, which goes on in its run folder. Of several
trials of the same run the first counts, so that nobody has to plan alone.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from prefprop_cli.calibration.metrics import LOWER_IS_BETTER
from prefprop_cli.config.schema import Range, TrainTable
from prefprop_cli.config.sweep import Values, takes_integers
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.record import changes
from prefprop_cli.runs.atomic import Record
from prefprop_cli.sweep.leaderboard import Standing, State, TrialRecord
from prefprop_cli.sweep.plan import SEED, Point, Stage
from prefprop_cli.sweep.storage import quiet, retry


class SettingFailedError(Exception):
    """The run of a trial failed, and that of others may not; the reason is noted."""


OWNER, RESULT, INPUTS, _REUSED = "owner", "result", "inputs", "reused"
_STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "running",
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True)
class StageStudy:
    """A stage and its study."""

    stage: Stage
    storage: BaseStorage
    study: optuna.Study
    inputs: Record
    """Data and backbone of the runs of this process."""

    @cached_property
    def places(self) -> dict[str, int]:
        keys = self.stage.space
        identities = (
            _identity({k: point.settings[k] for k in keys}) for point in self.stage.points
        )
        return {identity: place for place, identity in enumerate(identities)}

    def trials(self) -> list[FrozenTrial]:
        """The trials that count, in the order of the grid or of a search."""
        found = self._by_run(self.study.get_trials(deepcopy=False))
        return [found[run] for run in sorted(found)][: self.stage.n_trials]

    def unfinished(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if not trial.state.is_finished()]

    def is_done(self) -> bool:
        return len(self.trials()) == self.stage.n_trials and not self.unfinished()

    def has_work(self) -> bool:
        """Whether a trial waits, or a search has one left to propose."""
        trials = self.trials()
        return len(trials) < self.stage.n_trials or any(
            trial.state == TrialState.WAITING for trial in trials
        )

    def fill(self, finished: Mapping[str, FrozenTrial]) -> None:
        """Add the runs of a grid that have no trial, and again those whose trial was lost.

        Args:
            finished: trials of earlier stages by the digests of their configurations; a run with
                the same one takes over the result.
        """
        trials = self.study.get_trials(deepcopy=False)
        found = self._by_run(trials)
        for trial in trials:
            run = self._run(trial)
            if run is not None and run not in found and trial.params.keys() == self.stage.space:
                retry(self.study, trial)
                found[run] = trial
        for place, point in enumerate(self.stage.points):
            if place not in found:
                self.study.add_trial(self._new_trial(point, finished.get(point.digest)))

    def propose(self, trial: optuna.Trial) -> Values | None:
        """What the run of a trial that was just begun tries; None if it does not count."""
        if trial.number not in [each.number for each in self.trials()]:
            return None
        if not self.stage.points:
            for key, values in self.stage.space.items():
                _suggest(trial, key, values)
        return trial.params

    def number(self, trial: optuna.Trial) -> int:
        """Which of the trials that count it is, from 1."""
        return 1 + [each.number for each in self.trials()].index(trial.number)

    def optimize(
        self, run: Callable[[optuna.Trial], float], *, on_end: Callable[[TrialRecord], None]
    ) -> None:
        """Have Optuna hand out a trial, keep its heartbeat and note how it ends.

        The sampler's seed depends on how far the search is: killed and started again, it proposes
        what it would have proposed.
        """
        with quiet():
            seed = self.stage.config.train.seed + len(self.trials())
            self.study.sampler = TPESampler(seed=seed, constant_liar=True)
        ended = [lambda _, trial: on_end(self.record(trial))]
        self.study.optimize(run, n_trials=1, catch=(SettingFailedError,), callbacks=ended)

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

    def note(self, trial: optuna.Trial, metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Note the result of a trial that is about to end."""
        trial.set_user_attr(RESULT, {"metrics": dict(metrics)})
        trial.set_user_attr(INPUTS, self.inputs)
        return metrics

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
        """A trial as it is told to people."""
        values = {**self.stage.fixed, **trial.params}
        owner, metric = trial.user_attrs.get(OWNER, {}), trial.value
        if trial.state == TrialState.PRUNED and trial.intermediate_values:
            best = min if self.study.direction == StudyDirection.MINIMIZE else max
            metric = best(trial.intermediate_values.values())
        return TrialRecord(
            stage=self.stage.number,
            values={key: value for key, value in values.items() if key != SEED},
            seed=values.get(SEED, self.stage.config.train.seed),
            state=_STATES[trial.state],
            metric=metric,
            run=Path(owner["run"]) if owner else None,
            host=owner.get("host"),
            reused=trial.user_attrs.get(_REUSED, False),
            **trial.user_attrs.get(RESULT, {}),
        )

    def _by_run(self, trials: list[FrozenTrial]) -> dict[int, FrozenTrial]:
        found: dict[int, FrozenTrial] = {}
        for trial in trials:
            is_failed = trial.state == TrialState.FAIL
            is_lost = is_failed and "reason" not in trial.user_attrs.get(RESULT, {})
            if not is_lost and (run := self._run(trial)) is not None:
                found.setdefault(run, trial)
        return found

    def _run(self, trial: FrozenTrial) -> int | None:
        """The place in the grid, or the number of the first trial of the same proposal."""
        if self.stage.points:
            return self.places.get(_identity(trial.params))
        return int(trial.system_attrs.get("failed_trial", trial.number))

    def _new_trial(self, point: Point, earlier: FrozenTrial | None) -> FrozenTrial:
        points, keys = self.stage.points, self.stage.space
        values = {key: [each.settings[key] for each in points] for key in keys}
        return create_trial(
            state=TrialState.COMPLETE if earlier else TrialState.WAITING,
            value=earlier.value if earlier else None,
            params={key: point.settings[key] for key in keys},
            distributions={k: CategoricalDistribution([*dict.fromkeys(values[k])]) for k in keys},
            user_attrs={**earlier.user_attrs, _REUSED: True} if earlier else {},
            intermediate_values=earlier.intermediate_values if earlier else None,
        )


def open_study(
    storage: BaseStorage, stage: Stage, *, train: TrainTable, inputs: Record
) -> StageStudy:
    """Open the study of a stage, or make it.

    Args:
        storage: of the sweep.
        stage: what is to be run.
        train: `metric` on validation decides what is best; no run is given up in the first third
            of its `epochs`.
        inputs: data and backbone of the runs.

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


def _suggest(trial: optuna.Trial, key: str, values: list[object] | Range) -> None:
    if not isinstance(values, Range):
        trial.suggest_categorical(key, values)
    elif takes_integers(key):
        trial.suggest_int(
            key, int(values.low), int(values.high), log=values.log, step=int(values.step or 1)
        )
    else:
        trial.suggest_float(key, values.low, values.high, log=values.log, step=values.step)


def _identity(params: Values) -> str:
    return repr(sorted(params.items()))
