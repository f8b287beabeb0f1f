"""What trains, how far it is, and the way of its tensors out of the run and back."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim import Optimizer

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.tasks.batch import Batch
from prefprop_cli.training.rng import rng_state

_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Trainable(nn.Module, ABC):
    """A model that knows its loss, and which of its parameters train."""

    @abstractmethod
    def losses(self, batch: Batch) -> Tensor:
        """Return the loss of each document; (N,)."""

    @property
    @abstractmethod
    def trainable(self) -> dict[str, Parameter]:
        """The parameters that train, by the names they have in a checkpoint; others are frozen."""

    @property
    def unreached(self) -> Collection[str]:
        """Names of trainable parameters that the loss cannot depend on."""
        return ()


@dataclass(kw_only=True)
class Progress:
    """How far a run is, between two optimizer steps."""

    step: int = 0
    """Optimizer steps done."""
    epoch: int = 0
    """Epochs that ended with an evaluation."""
    position: int = 0
    """Documents of the epoch's order already consumed."""
    best_metric: float | None = None
    best_step: int | None = None
    epochs_without_improvement: int = 0
    rng: dict[str, str] = field(default_factory=rng_state)
    """State of the generators after the last whole step."""
    metrics: dict[str, float] = field(default_factory=dict)
    """All metrics of the best step."""

    def at(self) -> tuple[int, int, int]:
        """Return what distinguishes two states: a step has two, before and after its evaluation."""
        return self.step, self.epoch, self.position

    def end_epoch(self, metrics: Mapping[str, float], *, metric: str, is_best: bool) -> None:
        """Count an epoch, and keep its metrics if it is the best by one of them."""
        self.epoch += 1
        self.position = 0
        self.epochs_without_improvement = 0 if is_best else self.epochs_without_improvement + 1
        if is_best:
            self.best_metric = metrics[metric]
            self.best_step = self.step
            self.metrics = dict(metrics)


@dataclass(kw_only=True)
class TrainingState(Progress):
    """Progress and tensors: what a checkpoint holds."""

    trained: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    other_rngs: list[dict[str, str]] = field(default_factory=list)
    """`rng` of ranks 1, 2, … of a run of several processes."""

    def progress(self) -> Progress:
        """Return how far the run was, with the generators of this process as they are now."""
        names = {each.name for each in fields(Progress)} - {"rng"}
        return Progress(**{name: getattr(self, name) for name in names})


def tensor_file(tensors: Mapping[str, Tensor]) -> bytes:
    """Make the content of a safetensors file."""
    return save({name: each.detach().cpu().contiguous() for name, each in tensors.items()})


def load_parameters(
    tensors: Mapping[str, Tensor], trainable: Mapping[str, Parameter], *, source: str
) -> None:
    """Copy saved tensors into the parameters of the same names.

    Raises:
        CorruptFileError: names or shapes differ; the message names the source.
    """
    found, wanted = (
        {(name, tensor.shape) for name, tensor in each.items()} for each in (tensors, trainable)
    )
    if differing := sorted({name for name, _ in found ^ wanted}):
        raise CorruptFileError(
            f"{source} does not hold what trains: it differs in "
            f"{', '.join(differing[:4])}. Use the configuration the run was started with"
        )
    with torch.no_grad():
        for name, parameter in trainable.items():
            parameter.copy_(tensors[name])


def optimizer_state(optimizer: Optimizer, trainable: Mapping[str, Parameter]) -> dict[str, Tensor]:
    """Return the state tensors of AdamW as `<parameter>.<exp_avg|exp_avg_sq|step>`.

    There are none before its first step.
    """
    return {
        f"{name}.{key}": value
        for name, parameter in trainable.items()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def load_optimizer_state(
    optimizer: Optimizer, trainable: Mapping[str, Parameter], state: Mapping[str, Tensor]
) -> None:
    """Give the optimizer the tensors that `optimizer_state` returned; they are copied.

    Raises:
        CorruptFileError: a tensor belongs to no parameter, or has another shape.
    """
    for key, value in state.items():
        name, _, moment = key.rpartition(".")
        if name not in trainable or moment not in _MOMENTS:
            raise CorruptFileError(f"the checkpoint holds {key}, and nothing of that name trains")
        shape = () if moment == "step" else tuple(trainable[name].shape)
        if tuple(value.shape) != shape:
            raise CorruptFileError(
                f"the checkpoint holds {key} of shape {tuple(value.shape)}, the run needs {shape}"
            )
        parameter = trainable[name]
        # AdamW counts its steps on the CPU.
        copied = value.clone() if moment == "step" else value.clone().to(parameter)
        optimizer.state[parameter][moment] = copied
