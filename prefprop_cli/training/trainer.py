"""The training loop, one for all methods and tasks.

A run is a pure function of its settings: stopped at any moment and resumed, it ends with the same
bits as one that was left alone.

Started as several processes, each computes its share of every step; the parameters, and all
decisions, are the same on every rank (`prefprop_cli.runs.distributed`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import perf_counter

from torch import Tensor, nn
from torch.optim import AdamW

from prefprop_cli.config.schema import TrainTable
from prefprop_cli.errors import CorruptFileError, DataError, UsageError
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.batch import Examples
from prefprop_cli.tasks.metrics import better
from prefprop_cli.training import events, guards
from prefprop_cli.training.accumulation import Accumulator, StopRequested
from prefprop_cli.training.checkpoint import CheckpointManager
from prefprop_cli.training.device import make_accelerator, resolve_precision, resource_errors
from prefprop_cli.training.events import Evaluation, Event, FitResult, Hooks, Status
from prefprop_cli.training.forecast import Pace, weight
from prefprop_cli.training.rng import rng_state, seed_everything, set_rng_state
from prefprop_cli.training.schedule import effective_batches, learning_rate, remaining
from prefprop_cli.training.state import (
    Progress,
    Trainable,
    TrainingState,
    load_optimizer_state,
    load_parameters,
    optimizer_state,
)


class Trainer:
    """Trains a model until the last step, the end of patience, or a request to stop.

    The loss of a step is the mean over its `batch_size` documents, whatever the micro-batches.
    Each epoch, and the run, ends with an evaluation and a checkpoint. The model moves to the device
    and stays there; the checkpoints are used on rank 0 only.
    """

    def __init__(
        self,
        model: Trainable,
        examples: Examples,
        settings: TrainTable,
        checkpoints: CheckpointManager,
        *,
        device: str,
        hooks: Hooks,
    ) -> None:
        self.model, self.examples, self.settings = model, examples, settings
        self.checkpoints, self.device, self.hooks = checkpoints, device, hooks
        self.world = world()
        self.n_examples = len(examples.lengths)
        self.steps_per_epoch = -(-self.n_examples // settings.batch_size)
        n_steps = settings.epochs * self.steps_per_epoch
        self.n_steps = min(n_steps, settings.max_steps or n_steps)

    def fit(
        self,
        evaluate: Callable[[], Evaluation | None],
        *,
        resume: bool = False,
        evaluation_tokens: int = 0,
    ) -> FitResult:
        """Train; a run that was not interrupted leaves the best tensors in the model.

        `evaluate` evaluates the model as it is now on the validation documents, of which
        `evaluation_tokens` are the `forecast.weight`; it returns None if a request to stop broke it
        off. It is called on every rank, and what rank 0 returns counts.

        Raises:
            DataError: there are no documents.
            UsageError: the checkpoint is of other data or settings, or there is no such metric.
            CorruptFileError: no checkpoint is whole, or one is gone or of another model.
            NonFiniteError: a loss, a gradient or a state to save is not finite.
            ResourceError: a single document does not fit in memory, or the disk is full.
            PrefpropError: the first backward missed a trainable tensor, or reached a frozen one.
        """
        if not self.n_examples:
            raise DataError("there are no training documents")
        started_at = perf_counter()
        seed_everything(self.settings.seed, rank=self.world.rank)
        with resource_errors():
            self._begin(resume=resume, evaluation_tokens=evaluation_tokens)
            try:
                while (status := self._status()) is None:
                    self._train_epoch()
                    self._end_epoch(evaluate)
                self._load_best()
            except StopRequested:
                self._save()
                status = "interrupted"
            self.model.eval()
            self._notify(events.Stopped(status))
        progress = self.progress
        return FitResult(
            status=status,
            step=progress.step,
            epoch=progress.epoch,
            best_step=progress.best_step,
            best_metric=progress.best_metric,
            metrics=progress.metrics,
            seconds=perf_counter() - started_at,
        )

    def _begin(self, *, resume: bool, evaluation_tokens: int) -> None:
        settings = self.settings
        precision = resolve_precision(settings.precision, device=self.device)
        accelerator = make_accelerator(device=self.device, precision=precision)
        self.model.to(accelerator.device)
        self.trainable = self.model.trainable
        decay = settings.weight_decay
        self.optimizer = AdamW(self.trainable.values(), lr=settings.lr, weight_decay=decay)
        self.accumulator = Accumulator(
            self.model,
            accelerator,
            micro_batch_size=settings.micro_batch_size,
            should_stop=self.hooks.should_stop,
            on_micro_batch=self._documents_done,
        )
        self.progress = Progress()
        self.saved_at: tuple[int, int, int] | None = None
        is_resumed = resume and self._resume()
        step = self.progress.step
        self.first_step = step + 1
        n_trainable = sum(tensor.numel() for tensor in self.trainable.values())
        started = events.Started(self.n_examples, self.n_steps, n_trainable, step, precision)
        self._notify(started)
        if resume and not is_resumed:
            self._warn("there is no checkpoint to resume from; training starts at step 1")
        self._pass_on_warnings()
        self.epoch_tokens = weight(self.examples.lengths)
        self.pace = Pace(self.epoch_tokens, evaluation_tokens)

    def _status(self) -> Status | None:
        if self.progress.step >= self.n_steps and self.progress.position == 0:
            return "finished"
        patience = self.settings.patience
        if patience is not None and self.progress.epochs_without_improvement >= patience:
            return "stopped early"
        return None

    def _train_epoch(self) -> None:
        self.model.train()
        settings, epoch = self.settings, self.progress.epoch
        examples = self.examples.for_epoch(epoch)
        batches = effective_batches(
            examples.lengths, seed=settings.seed, epoch=epoch, batch_size=settings.batch_size
        )
        for indices in remaining(batches, position=self.progress.position):
            if self._epoch_is_over():
                break
            self._step(examples, indices)
            every = settings.save_every
            if every and self.progress.step % every == 0 and not self._epoch_is_over():
                self._save()

    def _epoch_is_over(self) -> bool:
        return self.progress.step >= self.n_steps or self.progress.position == self.n_examples

    def _step(self, examples: Examples, indices: Sequence[int]) -> None:
        begun_at = perf_counter()
        settings, step = self.settings, self.progress.step + 1
        lr = learning_rate(step, n_steps=self.n_steps, peak=settings.lr, warmup=settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        sums = self.accumulator.gradients(examples, indices, rng=self.progress.rng)
        for warning in sums.warnings:
            self._warn(warning)
        grad_norm = nn.utils.clip_grad_norm_(self.trainable.values(), settings.max_grad_norm)
        guards.check_finite_step(sums.losses, grad_norm, step=step, ids=sums.ids, lr=lr)
        if step == self.first_step:
            unreached = self.model.unreached
            check = partial(guards.check_gradients, self.model, self.trainable, unreached=unreached)
            self.world.on_each(check)
        self.optimizer.step()
        self.progress.step = step
        self.progress.position += len(indices)
        self.progress.rng = rng_state()
        done = events.Step(
            step=step,
            n_steps=self.n_steps,
            epoch=self.progress.epoch + 1,
            loss=sums.losses.mean().item(),
            lr=lr,
            grad_norm=grad_norm.item(),
            tokens_per_s=sums.n_tokens / (perf_counter() - begun_at),
            ids=sums.ids,
        )
        self._notify(done)

    def _documents_done(self, share: Sequence[int], losses: Tensor) -> None:
        """Tell of a micro-batch of this rank's share; the others are taken to be as far."""
        progress, batch_size, n_examples = self.progress, self.settings.batch_size, self.n_examples
        new = [self.examples.lengths[index] for index in share[-len(losses) :]]
        self.pace.trained(self.world.size * weight(new))
        n_left = n_examples - progress.position
        done = progress.position + min(len(share) * self.world.size, batch_size, n_left)
        whole_epochs, further_steps = divmod(self.n_steps, self.steps_per_epoch)
        n_of_run = whole_epochs * n_examples + further_steps * batch_size
        n_to_do = n_of_run - progress.epoch * n_examples - done
        self._notify(
            events.DocumentsDone(
                step=progress.step + 1,
                n_steps=self.n_steps,
                epoch=progress.epoch + 1,
                n_epochs=-(-self.n_steps // self.steps_per_epoch),
                done=done,
                n_examples=n_examples,
                loss=losses.mean().item() if losses.device.type == "cpu" else None,
                eta_s=self.pace.left_s(n_to_do * self.epoch_tokens / n_examples),
            )
        )

    def _end_epoch(self, evaluate: Callable[[], Evaluation | None]) -> None:
        progress, metric = self.progress, self.settings.metric
        self._notify(events.EvaluationStarted(epoch=progress.epoch + 1, step=progress.step))
        with self.pace.evaluation():
            evaluation = self._evaluate(evaluate)
        if metric not in evaluation.metrics:
            use = f"Use one of {', '.join(evaluation.metrics)}"
            raise UsageError(f'train.metric = "{metric}" is not a metric of this task. {use}')
        is_best = better(metric, evaluation.metrics[metric], progress.best_metric)
        progress.end_epoch(evaluation.metrics, metric=metric, is_best=is_best)
        self._notify(events.Evaluated(progress.epoch, progress.step, evaluation.metrics, is_best))
        if warning := guards.collapse_warning(evaluation):
            self._warn(warning)
        self._save()
        if is_best:
            self._mark_best()

    def _evaluate(self, evaluate: Callable[[], Evaluation | None]) -> Evaluation:
        guards.check_finite_state(self.trainable, step=self.progress.step)
        self.model.eval()
        if any(self.world.on_all(self.hooks.should_stop)):
            raise StopRequested
        evaluation, *others = self.world.on_all(evaluate)
        # Whatever the evaluation drew, training goes on with what it would have drawn.
        set_rng_state(self.progress.rng)
        if evaluation is None or None in others:
            raise StopRequested
        return evaluation

    # The way to a checkpoint and back: rank 0 alone touches the disk, and all ranks wait for it.

    def _save(self) -> None:
        if self.saved_at == self.progress.at():
            return
        _, *other_rngs = self.world.on_all(lambda: self.progress.rng)
        state = TrainingState(
            trained=dict(self.trainable),  # those of the run, not copies
            optimizer=optimizer_state(self.optimizer, self.trainable),
            other_rngs=other_rngs,
            **vars(self.progress),
        )
        path = self.world.on_main(lambda: self.checkpoints.save(state))
        self.saved_at = self.progress.at()
        self._notify(events.Saved(path, self.progress.step))
        self._pass_on_warnings()

    def _mark_best(self) -> None:
        self.world.on_main(lambda: self.checkpoints.mark_best(self.progress.step))

    def _resume(self) -> bool:
        state = self.world.on_main(self.checkpoints.newest)
        if state is None:
            return False
        source = f"the checkpoint of step {state.step}"
        load_parameters(state.trained, self.trainable, source=source)
        load_optimizer_state(self.optimizer, self.trainable, state.optimizer)
        rngs, rank = [state.rng, *state.other_rngs], self.world.rank
        if rank < len(rngs):
            set_rng_state(rngs[rank])
        else:  # the run had fewer processes
            seed_everything(self.settings.seed, rank=rank, step=state.step)
        self.progress = state.progress()
        self.saved_at = self.progress.at()
        if self.progress.best_step == self.progress.step:
            self._mark_best()  # the run may have died between the save and the mark
        return True

    def _load_best(self) -> None:
        step = self.progress.best_step

        def tensors() -> Mapping[str, Tensor]:
            if (best := self.checkpoints.best()) is None:
                gone = f"its checkpoint is gone from {self.checkpoints.folder}"
                raise CorruptFileError(f"step {step} was the best, and {gone}")
            return best.trained

        load_parameters(self.world.on_main(tensors), self.trainable, source=f"checkpoint {step}")

    def _pass_on_warnings(self) -> None:
        while self.checkpoints.warnings:
            self._warn(self.checkpoints.warnings.pop(0))

    def _warn(self, message: str) -> None:
        self._notify(events.Warned(message))

    def _notify(self, event: Event) -> None:
        if self.world.is_main:
            self.hooks.on_event(event)
