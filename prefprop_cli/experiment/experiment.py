"""A training run from plan to adapter: the steps of `prefprop train`, without a word to anybody."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.model import Classifier
from prefprop_cli.experiment.plan import Plan, load_classifier
from prefprop_cli.experiment.stored_logits import (
    SavedLogits,
    is_stored,
    load_logits,
    save_logits,
    step_name,
)
from prefprop_cli.experiment.trained import make_adapter, save_adapter
from prefprop_cli.malloc import return_freed_memory
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.batch import PreparedSplit, losses
from prefprop_cli.training.checkpoint import Checkpoints
from prefprop_cli.training.events import (
    Evaluated,
    Evaluation,
    EvaluationStarted,
    Event,
    FitResult,
    Saved,
    Started,
    Step,
)
from prefprop_cli.training.inference import predict_logits
from prefprop_cli.training.pace import weight
from prefprop_cli.training.seed import seed_everything
from prefprop_cli.training.trainer import fit


@dataclass
class Experiment:
    """One run: a plan, its data and its folder.

    Args:
        plan: what the run uses.
        prepared: its documents as tokens.
        run: its folder, locked by the caller.
        device: `cpu`, `cuda` or `cuda:N`.
        emit: receives each event of the training.
        stop: whether to stop.
        progress: told how many documents of how many of an evaluation are done.
    """

    plan: Plan
    prepared: Prepared
    run: RunFolder
    device: str
    emit: Callable[[Event], None]
    stop: Callable[[], bool]
    progress: Callable[[int, int], None] = lambda done, total: None
    _step: int = field(default=0, init=False)
    """The step whose tensors are evaluated."""

    def train(self, *, resume: bool) -> FitResult:
        """Train, or go on training, and leave an adapter behind.

        Returns:
            How it ended; only a run that was not interrupted has an adapter.
        """
        settings = self.plan.config.train
        if self.plan.config.model.gradient_checkpointing:
            return_freed_memory()
        seed_everything(settings.seed)
        model = load_classifier(self.plan, n_labels=len(self.prepared.labels))
        validation = examples_of(self.plan, self.prepared, "validation")
        result = fit(
            model=model,
            loss=lambda batch: losses(model(batch), batch),
            trained=model.trained,
            unreached=model.unread,
            examples=examples_of(self.plan, self.prepared, "train", training=True),
            evaluate=lambda: self._evaluate(model, validation),
            settings=settings,
            checkpoints=Checkpoints(self.run.checkpoints, keep=settings.keep),
            device=self.device,
            emit=self._on_event,
            stop=self.stop,
            resume=resume,
            evaluation_tokens=weight(validation.lengths),
        )
        if result.status != "interrupted":
            world().on_main(lambda: self._keep(model, result))
        return result

    def _evaluate(self, model: Classifier, validation: PreparedSplit) -> Evaluation | None:
        logits = predict_logits(
            model,
            validation,
            batch_size=self.plan.config.eval.batch_size,
            device=self.device,
            stop=self.stop,
            progress=lambda done: self.progress(done, len(validation)),
        )
        if logits is None:
            return None
        found = with_documents(logits, self.prepared, "validation")
        if world().is_main:
            save_logits(self.run.evaluation, step_name(self._step), found)
        metrics = classification_metrics(
            logits,
            found.labels,
            metrics=self.plan.task.metrics(len(self.prepared.labels)),
            n_bins=self.plan.config.eval.bins,
        )
        return Evaluation(
            metrics,
            n_predicted=self._counts(logits.argmax(axis=1)),
            n_labelled=self._counts(found.labels),
        )

    def _counts(self, classes: NDArray[np.int64]) -> tuple[int, ...]:
        """Documents of each class; none where the task has none."""
        if not self.plan.task.has_classes:
            return ()
        return tuple(np.bincount(classes, minlength=len(self.prepared.labels)).tolist())

    def _keep(self, model: Classifier, result: FitResult) -> None:
        """The adapter, and the validation logits of the tensors in it."""
        adapter = make_adapter(self.plan, labels=self.prepared.labels)
        save_adapter(self.run.adapter, adapter, model.trained)
        if result.best_step is None:
            return
        name = step_name(result.best_step)
        # Else `eval` computes them: an earlier version of the program evaluated that step.
        if is_stored(self.run.evaluation, name):
            best = load_logits(self.run.evaluation, name)
            save_logits(self.run.evaluation, "validation", best)

    def _on_event(self, event: Event) -> None:
        match event:
            case Started(step=step, n_steps=n_steps):
                self.run.drop_metrics_after(step)
                self.run.update_manifest(n_steps=n_steps)
            case Saved():
                self.run.seal_metrics()
            case Step():
                self.run.append_metrics(_step_row(event))
            case EvaluationStarted(step=step):
                self._step = step
            case Evaluated(epoch=epoch, step=step, metrics=metrics):
                self.run.append_metrics({"step": step, "epoch": epoch, "validation": dict(metrics)})
            case _:
                pass
        self.emit(event)


def examples_of(
    plan: Plan, prepared: Prepared, split: str, *, training: bool = False
) -> PreparedSplit:
    """A split of prepared documents as batches.

    Args:
        plan: says the task.
        prepared: the documents as tokens.
        split: its name.
        training: put what has no order inside a document into another order in each epoch.

    Raises:
        DataError: there is no such split, or it is empty.
    """
    table = prepared.splits.get(split)
    if table is None or not len(table):
        there = ", ".join(prepared.splits)
        raise DataError(f'the data has no documents in a split "{split}"; it has {there}')
    lengths, form = list(table["n_computed"]), plan.form(prepared.labels)
    return PreparedSplit(table, lengths, form, shuffled=training, seed=plan.config.train.seed)


def with_documents(logits: NDArray[np.float32], prepared: Prepared, split: str) -> SavedLogits:
    """The logits (N, C) of a split with what is known of its documents."""
    table = prepared.splits[split]
    labels, n_tokens = (np.asarray(table[name], np.int64) for name in ("label", "n_tokens"))
    return SavedLogits(tuple(table["id"]), logits, labels, n_tokens)


def _step_row(event: Step) -> Mapping[str, object]:
    return {
        "step": event.step,
        "epoch": event.epoch,
        "loss": event.loss,
        "lr": event.lr,
        "grad_norm": event.grad_norm,
        "tokens_per_s": round(event.tokens_per_s, 1),
        "ids": list(event.ids),
    }
