"""The gradient of one optimizer step, summed over micro-batches that fit in memory."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from prefprop_cli.errors import PrefpropError
from prefprop_cli.training.checkpoint import set_rng_state
from prefprop_cli.training.memory import halve_micro_batch, is_out_of_memory


class Batch(Protocol):
    """Documents of one forward pass."""

    @property
    def ids(self) -> Sequence[str]: ...
    @property
    def n_tokens(self) -> int: ...
    def to(self, device: torch.device) -> Self: ...


BatchT = TypeVar("BatchT", bound=Batch)
BatchT_co = TypeVar("BatchT_co", bound=Batch, covariant=True)


class Examples(Protocol[BatchT_co]):
    """The training documents."""

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens per document."""

    def load(self, indices: Sequence[int]) -> BatchT_co: ...


class StopRequested(Exception):
    """Somebody asked the run to stop; the step at hand is dropped."""


@dataclass(frozen=True)
class Accumulated:
    """What the micro-batches of a step summed up to, beside the gradients."""

    losses: Tensor
    """(N,) float32, one per document of the step."""
    ids: tuple[str, ...]
    n_tokens: int


@dataclass(kw_only=True)
class Accumulator(Generic[BatchT]):
    """Computes the gradients of a step; its micro-batch gets smaller when memory runs out."""

    model: nn.Module
    loss: Callable[[BatchT], Tensor]
    trained: Mapping[str, nn.Parameter]
    examples: Examples[BatchT]
    accelerator: Accelerator
    micro_batch_size: int
    stop: Callable[[], bool]
    warn: Callable[[str], None]

    def gradients(self, indices: Sequence[int], *, rng: dict[str, str]) -> Accumulated:
        """Set the gradients of the mean loss over the documents of one step.

        The mean is over all documents of the step, so that it does not depend on the micro-batch.
        Out of memory, the whole step is done again with half the micro-batch.

        Args:
            indices: the documents.
            rng: state of the generators at the start of the step.

        Raises:
            StopRequested: `stop` said so before a micro-batch.
            ResourceError: a single document does not fit in memory.
            PrefpropError: the loss depends on no trained tensor.
        """
        while True:
            try:
                return self._accumulate(indices)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                smaller = halve_micro_batch(self.micro_batch_size, found=error)
            # Out here, because inside the except clause the error keeps the failed pass in memory.
            self.warn(
                f"out of memory: train.micro_batch_size is now {smaller} instead of "
                f"{self.micro_batch_size}; train.batch_size is kept, and the step is done again"
            )
            self.micro_batch_size = smaller
            set_rng_state(rng)

    def _accumulate(self, indices: Sequence[int]) -> Accumulated:
        for tensor in self.trained.values():
            tensor.grad = None
        losses: list[Tensor] = []
        ids: list[str] = []
        n_tokens = 0
        for start in range(0, len(indices), self.micro_batch_size):
            if self.stop():
                raise StopRequested
            end = start + self.micro_batch_size
            batch = self.examples.load(indices[start:end]).to(self.accelerator.device)
            losses.append(self._backward(batch, n=len(indices), is_last=end >= len(indices)))
            ids.extend(batch.ids)
            n_tokens += batch.n_tokens
        return Accumulated(losses=torch.cat(losses), ids=tuple(ids), n_tokens=n_tokens)

    def _backward(self, batch: BatchT, *, n: int, is_last: bool) -> Tensor:
        # Several processes would exchange gradients once per step, after the last micro-batch.
        with nullcontext() if is_last else self.accelerator.no_sync(self.model):
            with self.accelerator.autocast():
                losses = self.loss(batch).float()
            if not losses.requires_grad:
                raise PrefpropError("the loss does not depend on anything that trains")
            self.accelerator.backward(losses.sum() / n)
        return losses.detach()
