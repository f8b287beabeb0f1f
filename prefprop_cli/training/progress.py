"""How far a run is, and the way to a checkpoint and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.runs.distributed import World
from prefprop_cli.training.checkpoint import (
    Checkpoints,
    TrainingState,
    load_optimizer_state,
    optimizer_state,
    rng_state,
    set_rng_state,
)
from prefprop_cli.training.seed import process_seed, seed_everything


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


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """Saves and restores a run; rank 0 alone touches the disk, and all ranks wait for it.

    Args:
        checkpoints: where states are; used on rank 0.
        world: the processes of the run.
        trained: the parameters that train.
        optimizer: of them.
        seed: of the run.
    """

    checkpoints: Checkpoints
    world: World
    trained: Mapping[str, nn.Parameter]
    optimizer: Optimizer
    seed: int

    def save(self, progress: Progress) -> Path:
        """Save the run as it is.

        Raises:
            NonFiniteError, ResourceError: as `Checkpoints.save`.
        """
        _, *other_rngs = self.world.on_all(lambda: progress.rng)
        return self.world.on_main(lambda: self.checkpoints.save(self._state(progress, other_rngs)))

    def mark_best(self, step: int) -> None:
        """Note that this step is the best.

        Raises:
            ResourceError: as `Checkpoints.mark_best`.
        """
        self.world.on_main(lambda: self.checkpoints.mark_best(step))

    def restore_newest(self) -> Progress | None:
        """Bring parameters, optimizer and generators back to the newest state, if there is one.

        Raises:
            CorruptFileError: no state is whole, or it does not hold what trains.
        """
        state = self.world.on_main(self.checkpoints.newest)
        if state is None:
            return None
        load_trained(state.trained, self.trained, source=f"the checkpoint of step {state.step}")
        load_optimizer_state(self.optimizer, self.trained, state.optimizer)
        self._restore_rng(state)
        return Progress(
            step=state.step,
            epoch=state.epoch,
            position=state.position,
            best_metric=state.best_metric,
            best_step=state.best_step,
            metrics=state.metrics,
            epochs_without_improvement=state.epochs_without_improvement,
        )

    def load_best(self, step: int | None) -> None:
        """Copy the tensors of the best state, that of this step, into the parameters.

        Raises:
            CorruptFileError: it is damaged or gone.
        """
        tensors = self.world.on_main(lambda: self._best_tensors(step))
        load_trained(tensors, self.trained, source=f"checkpoint {step}")

    def _state(self, progress: Progress, other_rngs: list[dict[str, str]]) -> TrainingState:
        # Its tensors are those of the run, not copies.
        return TrainingState(
            trained={name: tensor.detach() for name, tensor in self.trained.items()},
            optimizer=optimizer_state(self.optimizer, self.trained),
            other_rngs=other_rngs,
            **vars(progress),
        )

    def _restore_rng(self, state: TrainingState) -> None:
        rngs = [state.rng, *state.other_rngs]
        if self.world.rank < len(rngs):
            set_rng_state(rngs[self.world.rank])
        else:  # the run had fewer processes
            seed_everything(process_seed(self.seed, rank=self.world.rank, step=state.step))

    def _best_tensors(self, step: int | None) -> dict[str, Tensor]:
        best = self.checkpoints.best()
        if best is None:
            raise CorruptFileError(
                f"step {step} was the best, and its checkpoint is gone from "
                f"{self.checkpoints.folder}"
            )
        return best.trained


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
