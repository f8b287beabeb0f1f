"""How far a run is, and the way to a checkpoint and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.training.checkpoint import (
    TrainingState,
    load_optimizer_state,
    optimizer_state,
    rng_state,
    set_rng_state,
)


@dataclass
class Progress:
    """Everything of a run that changes, beside the tensors."""

    step: int = 0
    """Optimizer steps done."""
    epoch: int = 0
    """Epochs that ended with an evaluation."""
    position: int = 0
    """Documents consumed of the epoch at hand."""
    best_metric: float | None = None
    best_step: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    """All metrics of the best step."""
    epochs_without_improvement: int = 0
    rng: dict[str, str] = field(default_factory=rng_state)
    """State of the generators after the last whole step."""

    def place(self) -> tuple[int, int, int]:
        """What tells two states of a run apart: one step has two, before and after evaluation."""
        return self.step, self.epoch, self.position

    def end_step(self, *, n_examples: int) -> None:
        self.step += 1
        self.position += n_examples
        self.rng = rng_state()

    def end_epoch(self, metrics: Mapping[str, float], *, metric: str, is_best: bool) -> None:
        self.epoch += 1
        self.position = 0
        self.epochs_without_improvement = 0 if is_best else self.epochs_without_improvement + 1
        if is_best:
            self.best_metric = metrics[metric]
            self.best_step = self.step
            self.metrics = dict(metrics)


def capture(
    progress: Progress, *, trained: Mapping[str, nn.Parameter], optimizer: Optimizer
) -> TrainingState:
    """The state of a run as it is saved; its tensors are those of the run, not copies."""
    return TrainingState(
        trained={name: tensor.detach() for name, tensor in trained.items()},
        optimizer=optimizer_state(optimizer, trained),
        **vars(progress),
    )


def restore(
    state: TrainingState, *, trained: Mapping[str, nn.Parameter], optimizer: Optimizer
) -> Progress:
    """Bring parameters, optimizer and generators back to a saved state.

    Raises:
        CorruptFileError: the state does not hold what trains.
    """
    load_trained(state.trained, trained, source=f"the checkpoint of step {state.step}")
    load_optimizer_state(optimizer, trained, state.optimizer)
    set_rng_state(state.rng)
    return Progress(
        step=state.step,
        epoch=state.epoch,
        position=state.position,
        best_metric=state.best_metric,
        best_step=state.best_step,
        metrics=state.metrics,
        epochs_without_improvement=state.epochs_without_improvement,
        rng=state.rng,
    )


def load_trained(
    tensors: Mapping[str, Tensor], trained: Mapping[str, nn.Parameter], *, source: str
) -> None:
    """Copy saved tensors into the parameters of the same names.

    Args:
        tensors: what was saved.
        trained: the parameters that train.
        source: where the tensors come from, for the message.

    Raises:
        CorruptFileError: names or shapes differ.
    """
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in trained.items()}
    differing = sorted({name for name, _ in found.items() ^ wanted.items()})
    if differing:
        raise CorruptFileError(
            f"{source} does not hold what trains: it differs in "
            f"{', '.join(differing[:4])}. Use the configuration the run was started with"
        )
    with torch.no_grad():
        for name, tensor in trained.items():
            tensor.copy_(tensors[name])
