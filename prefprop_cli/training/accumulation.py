"""The gradient of one optimizer step, summed over micro-batches that fit in memory, and over ranks.

Each rank takes its share of the documents of a step. The gradients are of one loss, the mean over
all documents, so the sum over ranks is what one process would have computed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from prefprop_cli.errors import PrefpropError, is_out_of_memory
from prefprop_cli.runs.distributed import World, merged
from prefprop_cli.training.checkpoint import set_rng_state
from prefprop_cli.training.memory import halve_micro_batch


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

    def for_epoch(self, epoch: int) -> Self:
        """The same documents as one epoch sees them, a pure function of the epoch (from 0)."""


class StopRequested(Exception):
    """Somebody asked the run to stop; the step at hand is dropped."""


@dataclass(frozen=True)
class Accumulated:
    """What the micro-batches of a step came to, beside the gradients."""

    losses: Tensor
    """(N,) float32 on the CPU, one per document of the step."""
    ids: tuple[str, ...]
    n_tokens: int
    warnings: tuple[str, ...]


@dataclass(kw_only=True)
class Accumulator(Generic[BatchT]):
    """Computes the gradients of a step; its micro-batch gets smaller when memory runs out."""

    loss: Callable[[BatchT], Tensor]
    trained: Mapping[str, nn.Parameter]
    accelerator: Accelerator
    world: World
    micro_batch_size: int
    stop: Callable[[], bool]
    on_micro_batch: Callable[[Sequence[int], Tensor], None]
    """Told after each: the documents of this rank's share that are done, and its losses."""
    _warnings: list[str] = field(default_factory=list, init=False)

    def gradients(
        self, examples: Examples[BatchT], indices: Sequence[int], *, rng: dict[str, str]
    ) -> Accumulated:
        """Set the gradients of the mean loss over the documents of one step, on every rank.

        The mean is over all documents of the step, so that it depends neither on the micro-batch
        nor on the number of ranks. Out of memory, a rank does its share again with half the
        micro-batch.

        Args:
            examples: where the documents are.
            indices: those of the step, on all ranks; alike ones stand side by side.
            rng: state of the generators of this rank at the start of the step.

        Returns:
            What all ranks together have seen, the same on each.

        Raises:
            StopRequested: `stop` said so before a micro-batch of any rank.
            ResourceError: a single document does not fit in memory.
            PrefpropError: the loss depends on no trained tensor.
        """
        shares = self.world.on_all(lambda: self._of_share(examples, indices, rng=rng))
        self._add_up_gradients()
        return _together(shares)

    def _of_share(
        self, examples: Examples[BatchT], indices: Sequence[int], *, rng: dict[str, str]
    ) -> Accumulated:
        share = self.world.share(indices)
        self._warnings.clear()
        while True:
            try:
                return self._accumulate(examples, share, n=len(indices))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                smaller = halve_micro_batch(self.micro_batch_size, found=error)
            # Out here, because inside the except clause the error keeps the failed pass in memory.
            self._note_halving(smaller)
            self.micro_batch_size = smaller
            set_rng_state(rng)

    def _accumulate(
        self, examples: Examples[BatchT], share: Sequence[int], *, n: int
    ) -> Accumulated:
        for tensor in self.trained.values():
            tensor.grad = None
        losses = [torch.zeros(0)]
        ids: list[str] = []
        n_tokens = 0
        for start in range(0, len(share), self.micro_batch_size):
            if self.stop():
                raise StopRequested
            batch = examples.load(share[start : start + self.micro_batch_size])
            losses.append(self._backward(batch.to(self.accelerator.device), n=n))
            ids.extend(batch.ids)
            n_tokens += batch.n_tokens
            self.on_micro_batch(share[: len(ids)], losses[-1])
        return Accumulated(
            losses=torch.cat([loss.cpu() for loss in losses]),
            ids=tuple(ids),
            n_tokens=n_tokens,
            warnings=tuple(self._warnings),
        )

    def _backward(self, batch: BatchT, *, n: int) -> Tensor:
        with self.accelerator.autocast():
            losses = self.loss(batch).float()
        if not losses.requires_grad:
            raise PrefpropError("the loss does not depend on anything that trains")
        self.accelerator.backward(losses.sum() / n)
        return losses.detach()

    def _add_up_gradients(self) -> None:
        """Sum over ranks, in one exchange; a rank without a share counts as zeros."""
        if self.world.size == 1:
            return
        parameters = list(self.trained.values())
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        # Where no rank has a gradient there is to be none, which is not the same as zero.
        n_present = gradients[0].new_tensor([p.grad is not None for p in parameters])
        buffer = torch.cat([*(gradient.flatten() for gradient in gradients), n_present])
        self.world.add_up(buffer)
        *sums, n_present = buffer.split([*(p.numel() for p in parameters), len(parameters)])
        for parameter, total, present in zip(parameters, sums, n_present.tolist(), strict=True):
            parameter.grad = total.view_as(parameter) if present else None

    def _note_halving(self, smaller: int) -> None:
        where = f" in process {self.world.rank}" if self.world.size > 1 else ""
        self._warnings.append(
            f"out of memory{where}: train.micro_batch_size is now {smaller} instead of "
            f"{self.micro_batch_size}; train.batch_size is kept, and the step was done again"
        )


def _together(shares: Sequence[Accumulated]) -> Accumulated:
    """The whole step, its documents in their order."""
    return Accumulated(
        losses=torch.tensor(merged([share.losses.tolist() for share in shares])),
        ids=tuple(merged([share.ids for share in shares])),
        n_tokens=sum(share.n_tokens for share in shares),
        warnings=tuple(warning for share in shares for warning in share.warnings),
    )
