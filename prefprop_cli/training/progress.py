"""How far a run is, and the way to a checkpoint and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.optim import Optimizer

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.training.checkpoint import (
    TrainingState,
    load_optimizer_state,
    optimizer_state,
    rng_state,
    set_rng_state,
)
from prefprop_cli.training.guards import check_finite_state


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
    """The state of a run, fit to be saved.

    Raises:
        NonFiniteError: a tensor holds a NaN or an infinity.
    """
    tensors = {name: tensor.detach() for name, tensor in trained.items()}
    moments = optimizer_state(optimizer, trained)
    check_finite_state({**tensors, **moments}, step=progress.step)
    return TrainingState(trained=tensors, optimizer=moments, **vars(progress))


def restore(
    state: TrainingState, *, trained: Mapping[str, nn.Parameter], optimizer: Optimizer
) -> Progress:
    """Bring parameters, optimizer and generators back to a saved state.

    Raises:
        CorruptFileError: the state does not hold what trains.
    """
    load_trained(state, trained)
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


def load_trained(state: TrainingState, trained: Mapping[str, nn.Parameter]) -> None:
    """Copy the tensors of a saved state into the parameters.

    Raises:
        CorruptFileError: names or shapes differ.
    """
    found = {name: tuple(tensor.shape) for name, tensor in state.trained.items()}
    wanted = {name: tuple(tensor.shape) for name, tensor in trained.items()}
    differing = sorted({name for name, _ in found.items() ^ wanted.items()})
    if differing:
        raise CorruptFileError(
            f"the checkpoint of step {state.step} does not hold what trains: it differs in "
            f"{', '.join(differing[:4])}. Resume with the configuration the run was started with"
        )
    with torch.no_grad():
        for name, tensor in trained.items():
            tensor.copy_(state.trained[name])
