"""The training loop, one for all methods and tasks.

It is given a loss, parameters, documents and an evaluation, and knows nothing else about them. A
run is a pure function of its settings: stopped at any moment and resumed, it ends with the same
bits as one that was left alone.

Started as several processes, each computes its share of every step; the parameters, and all
decisions, are the same on every rank (`prefprop_cli.runs.distributed`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Generic

import torch
from torch import Tensor, nn

from prefprop_cli.config.schema import TrainTable
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.metrics import better
from prefprop_cli.training import guards
from prefprop_cli.training.accumulation import Accumulator, BatchT, Examples, StopRequested
from prefprop_cli.training.checkpoint import Checkpoints, set_rng_state
from prefprop_cli.training.device import make_accelerator, resolve_precision
from prefprop_cli.training.events import (
    DocumentsDone,
    Evaluated,
    Evaluation,
    EvaluationStarted,
    Event,
    FitResult,
    Saved,
    Started,
    Status,
    Step,
    Stopped,
    Warned,
)
from prefprop_cli.training.memory import resource_errors
from prefprop_cli.training.order import effective_batches, remaining
from prefprop_cli.training.pace import Pace, weight
from prefprop_cli.training.progress import Keeper, Progress
from prefprop_cli.training.schedule import learning_rate
from prefprop_cli.training.seed import process_seed, seed_everything


def fit(
    *,
    model: nn.Module,
    loss: Callable[[BatchT], Tensor],
    trained: Mapping[str, nn.Parameter],
    unreached: Collection[str] = (),
    examples: Examples[BatchT],
    evaluate: Callable[[], Evaluation | None],
    settings: TrainTable,
    checkpoints: Checkpoints,
    device: str,
    emit: Callable[[Event], None],
    stop: Callable[[], bool],
    resume: bool = False,
    evaluation_tokens: int = 0,
) -> FitResult:
    """Train until the last step, the end of patience, or a request to stop.

    The loss of a step is the mean over its `batch_size` documents, whatever the micro-batches.
    Each epoch, and the run, ends with an evaluation and a checkpoint. A run that was not
    interrupted leaves the best tensors in the model, which stays on its device.

    Args:
        model: everything that takes part; in training mode for the steps, else evaluation mode.
        loss: batch → (N,), one loss per document, computed through the model.
        trained: the parameters that train, by the names they have in a checkpoint; all others of
            the model are frozen (`requires_grad` is False).
        unreached: names of trained parameters that the loss cannot depend on, so that the check
            of the first gradients lets them pass.
        examples: the training documents.
        evaluate: evaluates the model as it is now on the validation documents; None if a request
            to stop broke it off. Called on every rank; what rank 0 returns counts.
        settings: the `[train]` table.
        checkpoints: where states are saved and found; used on rank 0 only.
        device: `cpu`, `cuda` or `cuda:N`.
        emit: receives each event as it happens, on rank 0 only.
        stop: whether to stop; asked before each micro-batch and each evaluation, and one rank that
            says so stops all. The state after the last whole step is then saved.
        resume: continue from the newest checkpoint.
        evaluation_tokens: of the validation documents, as `pace.weight` counts them; the time left
            has them in it from the start.

    Returns:
        How it ended; `status` is "interrupted" after a request to stop.

    Raises:
        DataError: there are no documents.
        UsageError: the checkpoint is of other data or settings, or the evaluation does not have
            the metric `settings.metric`.
        CorruptFileError: no checkpoint is whole, the best one is damaged or gone, or one does not
            hold what trains.
        NonFiniteError: a loss, a gradient or a state to save is not finite.
        ResourceError: a single document does not fit in memory, or the disk is full.
        PrefpropError: the first backward missed a trained tensor, or reached a frozen one.
    """
    if not examples.lengths:
        raise DataError("there are no training documents")
    seed_everything(process_seed(settings.seed, rank=world().rank))
    run = _Run(
        model=model,
        loss=loss,
        trained=trained,
        unreached=unreached,
        examples=examples,
        evaluate=evaluate,
        settings=settings,
        checkpoints=checkpoints,
        device=device,
        emit=emit if world().is_main else _tell_nobody,
        stop=stop,
        evaluation_tokens=evaluation_tokens,
    )
    with resource_errors():
        return run.to_the_end(resume=resume)


@dataclass(kw_only=True)
class _Run(Generic[BatchT]):
    model: nn.Module
    loss: Callable[[BatchT], Tensor]
    trained: Mapping[str, nn.Parameter]
    unreached: Collection[str]
    examples: Examples[BatchT]
    evaluate: Callable[[], Evaluation | None]
    settings: TrainTable
    checkpoints: Checkpoints
    device: str
    emit: Callable[[Event], None]
    stop: Callable[[], bool]
    evaluation_tokens: int

    def __post_init__(self) -> None:
        settings = self.settings
        self.world = world()
        self.started_at = perf_counter()
        self.precision = resolve_precision(settings.precision, device=self.device)
        accelerator = make_accelerator(device=self.device, precision=self.precision)
        self.model.to(accelerator.device)
        self.optimizer = torch.optim.AdamW(
            self.trained.values(), lr=settings.lr, weight_decay=settings.weight_decay
        )
        self.accumulator = Accumulator(
            loss=self.loss,
            trained=self.trained,
            accelerator=accelerator,
            world=self.world,
            micro_batch_size=settings.micro_batch_size,
            stop=self.stop,
            on_micro_batch=self._documents_done,
        )
        self.keeper = Keeper(
            checkpoints=self.checkpoints,
            world=self.world,
            trained=self.trained,
            optimizer=self.optimizer,
            seed=settings.seed,
        )
        self._see(self.examples)
        self.n_examples = len(self.lengths)
        self.steps_per_epoch = -(-self.n_examples // settings.batch_size)
        n_steps = settings.epochs * self.steps_per_epoch
        self.n_steps = min(n_steps, settings.max_steps or n_steps)
        self.progress = Progress()
        self.first_step = 1
        self.saved_place: tuple[int, int, int] | None = None

    def to_the_end(self, *, resume: bool) -> FitResult:
        is_resumed = resume and self._resume()
        self._announce()
        if resume and not is_resumed:
            self._warn("there is no checkpoint to resume from; training starts at step 1")
        self._pass_on_warnings()
        self.pace = Pace(epoch_tokens=self.epoch_tokens, evaluation_tokens=self.evaluation_tokens)
        try:
            while (status := self._status()) is None:
                self._train_epoch()
                self._end_epoch()
            self.keeper.load_best(self.progress.best_step)
        except StopRequested:
            self._save()
            status = "interrupted"
        self.model.eval()
        self.emit(Stopped(status))
        return self._result(status)

    def _status(self) -> Status | None:
        if self.progress.step >= self.n_steps and self.progress.position == 0:
            return "finished"
        patience = self.settings.patience
        if patience is not None and self.progress.epochs_without_improvement >= patience:
            return "stopped early"
        return None

    def _train_epoch(self) -> None:
        self.model.train()
        examples = self.examples.for_epoch(self.progress.epoch)
        batches = effective_batches(
            examples.lengths,
            seed=self.settings.seed,
            epoch=self.progress.epoch,
            batch_size=self.settings.batch_size,
        )
        self._see(examples)
        for indices in remaining(batches, position=self.progress.position):
            if self._epoch_is_over():
                break
            self._step(examples, indices)
            self._save_between_evaluations()

    def _epoch_is_over(self) -> bool:
        return self.progress.step >= self.n_steps or self.progress.position == self.n_examples

    def _step(self, examples: Examples[BatchT], indices: Sequence[int]) -> None:
        begun_at = perf_counter()
        step = self.progress.step + 1
        lr = self._set_learning_rate(step)
        sums = self.accumulator.gradients(examples, indices, rng=self.progress.rng)
        for warning in sums.warnings:
            self._warn(warning)
        grad_norm = nn.utils.clip_grad_norm_(self.trained.values(), self.settings.max_grad_norm)
        guards.check_finite_step(sums.losses, grad_norm, step=step, ids=sums.ids, lr=lr)
        if step == self.first_step:
            self.world.on_each(self._check_gradients)
        self.optimizer.step()
        self.progress.end_step(n_examples=len(indices))
        self.emit(
            Step(
                step=step,
                n_steps=self.n_steps,
                epoch=self.progress.epoch + 1,
                loss=sums.losses.mean().item(),
                lr=lr,
                grad_norm=grad_norm.item(),
                tokens_per_s=sums.n_tokens / (perf_counter() - begun_at),
                eta_s=self._eta_s(),
                ids=sums.ids,
            )
        )

    def _documents_done(self, share: Sequence[int], losses: Tensor) -> None:
        """A micro-batch of this rank's share is done; the other ranks are taken to be as far."""
        n_new = len(losses)
        new = [self.lengths[index] for index in share[-n_new:]]
        self.pace.trained(self.world.size * weight(new))
        n_left = self.n_examples - self.progress.position
        n_done = min(len(share) * self.world.size, self.settings.batch_size, n_left)
        self.emit(
            DocumentsDone(
                step=self.progress.step + 1,
                n_steps=self.n_steps,
                epoch=self.progress.epoch + 1,
                n_epochs=-(-self.n_steps // self.steps_per_epoch),
                done=self.progress.position + n_done,
                n_examples=self.n_examples,
                loss=losses.mean().item() if losses.device.type == "cpu" else None,
                eta_s=self._eta_s(n_done),
            )
        )

    def _check_gradients(self) -> None:
        guards.check_gradients(self.model, self.trained, unreached=self.unreached)

    def _set_learning_rate(self, step: int) -> float:
        lr = learning_rate(
            step, n_steps=self.n_steps, peak=self.settings.lr, warmup=self.settings.warmup
        )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _see(self, examples: Examples[BatchT]) -> None:
        """Count the documents as an epoch has them, once for all its steps."""
        self.lengths = examples.lengths
        self.epoch_tokens = weight(self.lengths)

    def _eta_s(self, n_of_step: int = 0) -> float:
        """Seconds left, so many documents of the step at hand being done."""
        if self.progress.step >= self.n_steps:
            return 0.0
        whole_epochs, further_steps = divmod(self.n_steps, self.steps_per_epoch)
        total = whole_epochs * self.n_examples + further_steps * self.settings.batch_size
        done = self.progress.epoch * self.n_examples + self.progress.position + n_of_step
        return self.pace.left_s((total - done) * self.epoch_tokens / self.n_examples)

    def _end_epoch(self) -> None:
        progress, metric = self.progress, self.settings.metric
        self.emit(EvaluationStarted(epoch=progress.epoch + 1, step=progress.step))
        with self.pace.evaluation():
            evaluation = self._evaluate()
        if metric not in evaluation.metrics:
            raise UsageError(
                f'train.metric = "{metric}" is not a metric of this task. '
                f"Use one of {', '.join(evaluation.metrics)}"
            )
        is_best = better(metric, evaluation.metrics[metric], progress.best_metric)
        progress.end_epoch(evaluation.metrics, metric=metric, is_best=is_best)
        self.emit(Evaluated(progress.epoch, progress.step, evaluation.metrics, is_best))
        if warning := guards.collapse_warning(evaluation):
            self._warn(warning)
        self._save()
        if is_best:
            self.keeper.mark_best(progress.step)

    def _evaluate(self) -> Evaluation:
        guards.check_finite_state(self.trained, step=self.progress.step)
        self.model.eval()
        if any(self.world.on_all(self.stop)):
            raise StopRequested
        evaluation, *others = self.world.on_all(self.evaluate)
        # Whatever the evaluation drew, training goes on with the numbers it would have drawn.
        set_rng_state(self.progress.rng)
        if evaluation is None or None in others:
            raise StopRequested
        return evaluation

    def _save_between_evaluations(self) -> None:
        every = self.settings.save_every
        if every and self.progress.step % every == 0 and not self._epoch_is_over():
            self._save()

    def _save(self) -> None:
        if self.saved_place == self.progress.place():
            return
        path = self.keeper.save(self.progress)
        self.saved_place = self.progress.place()
        self.emit(Saved(path, self.progress.step))
        self._pass_on_warnings()

    def _resume(self) -> bool:
        progress = self.keeper.restore_newest()
        if progress is None:
            return False
        self.progress = progress
        self.first_step = progress.step + 1
        self.saved_place = progress.place()
        if progress.best_step == progress.step:
            # The run may have died between the save and the mark.
            self.keeper.mark_best(progress.step)
        return True

    def _pass_on_warnings(self) -> None:
        while self.checkpoints.warnings:
            self._warn(self.checkpoints.warnings.pop(0))

    def _warn(self, message: str) -> None:
        self.emit(Warned(message))

    def _announce(self) -> None:
        self.emit(
            Started(
                n_examples=self.n_examples,
                n_steps=self.n_steps,
                n_trained=sum(tensor.numel() for tensor in self.trained.values()),
                step=self.progress.step,
                precision=self.precision,
            )
        )

    def _result(self, status: Status) -> FitResult:
        return FitResult(
            status=status,
            step=self.progress.step,
            epoch=self.progress.epoch,
            best_step=self.progress.best_step,
            best_metric=self.progress.best_metric,
            metrics=self.progress.metrics,
            seconds=perf_counter() - self.started_at,
        )


def _tell_nobody(event: Event) -> None:
    """The events of a rank whose events rank 0 tells."""
