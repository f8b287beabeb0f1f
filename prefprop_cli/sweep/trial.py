"""One trial on its way, under the lock of its run folder."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from optuna.trial import FrozenTrial

from prefprop_cli.cache import default_cache
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import NonFiniteError, PrefpropError, ResourceError, is_out_of_memory
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.launch import describe_run, train_run
from prefprop_cli.experiment.plan import Plan, make_plan, prepare_data
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.atomic import Record
from prefprop_cli.sweep.study import StageStudy
from prefprop_cli.training.events import Evaluated, Event, FitResult, Hooks


class Stop(Protocol):
    """A request to stop."""

    @property
    def requested(self) -> bool: ...

    def raise_if_requested(self, message: str = "") -> None:
        """Leave if there is one; the message says what was saved."""


class TrainView(Protocol):
    """Sees a training."""

    def show(self, event: Event) -> None:
        """Something happened."""

    def evaluated(self, done: int, total: int) -> None:
        """So many documents of an evaluation are done."""


View = Callable[..., AbstractContextManager[TrainView]]


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
    """Data and backbone of the configuration, as of `build/record.py`: those of all its runs."""


@dataclass
class Attempt:
    """Trains the run of a trial and notes how it ended."""

    study: StageStudy
    trial: FrozenTrial
    folder: RunFolder
    work: Work
    stop: Stop
    is_given_up: bool = field(default=False, init=False)

    def run(self, view: View) -> None:
        """Begin, go on from the newest checkpoint, or take over a run that is finished.

        Raises:
            UsageError, DataError: the folder holds a run of something else.
            Interrupted: a signal came; the state is saved, and the trial stays unfinished.
            PrefpropError: the run failed for a reason that is not its setting's.
        """
        point = self.study.point(self.trial)
        plan = make_plan(point.config)
        prepared = prepare_data(plan, cache=default_cache(), stop=self.stop.raise_if_requested)
        settings = (f"-s {key}={json.dumps(value)}" for key, value in point.settings.items())
        sources = [*self.work.sources, *settings]
        describe_run(self.folder, plan, prepared, sources=sources, argv=self.work.argv)
        if self.folder.manifest["status"] == "finished":
            self._take_over(metric=plan.config.train.metric)
            return
        resumes = any(self.folder.checkpoints.glob("step-*"))
        with view(self.study.stage, point, self.folder, resumes=resumes) as training:
            try:
                self._note(self._train(plan, prepared, training, resumes=resumes))
            except Exception as error:
                if not _is_of_the_setting(error):
                    raise
                self._note_failure(error)

    def _train(
        self, plan: Plan, prepared: Prepared, training: TrainView, *, resumes: bool
    ) -> FitResult:
        def on_event(event: Event) -> None:
            training.show(event)
            if isinstance(event, Evaluated):
                metric = event.metrics[plan.config.train.metric]
                self.is_given_up = self.study.report(self.trial, epoch=event.epoch, metric=metric)

        return train_run(
            plan,
            prepared,
            self.folder,
            device=self.work.device,
            hooks=Hooks(
                on_event,
                on_progress=training.evaluated,
                should_stop=lambda: self.stop.requested or self.is_given_up,
            ),
            resume=resumes,
        )

    def _note(self, result: FitResult) -> None:
        is_pruned = result.status == "interrupted"
        if is_pruned:
            self.stop.raise_if_requested(f"stopped at step {result.step}, saved")
            self.folder.update_manifest(exit_reason="pruned")
        self.study.finish(
            self.trial,
            state="pruned" if is_pruned else "finished",
            metric=result.best_metric,
            result={"metrics": dict(result.metrics)},
        )

    def _take_over(self, *, metric: str) -> None:
        """Note the end of a run that was trained before, by a sweep whose storage is lost."""
        read_adapter(self.folder.adapter)
        metrics = self.folder.manifest["validation"]
        result = {"metrics": metrics}
        self.study.finish(self.trial, state="finished", metric=metrics[metric], result=result)

    def _note_failure(self, error: Exception) -> None:
        code = error.exit_code if isinstance(error, PrefpropError) else ResourceError.exit_code
        result = {"reason": str(error), "exit_code": code}
        self.study.finish(self.trial, state="failed", result=result)


def _is_of_the_setting(error: Exception) -> bool:
    """Whether other settings may do better: not finite, or too large for the memory."""
    causes = (error, error.__cause__)
    is_too_large = any(cause is not None and is_out_of_memory(cause) for cause in causes)
    return isinstance(error, NonFiniteError) or is_too_large
