"""The gradient of one optimizer step, summed over micro-batches that fit in memory, and over ranks.

Each rank takes its share of the documents of a step. The gradients are of one loss, the mean over
all documents, so the sum over ranks is what one process would have computed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor

from prefprop_cli.errors import PrefpropError, is_out_of_memory
from prefprop_cli.runs.distributed import merged, world
from prefprop_cli.tasks.batch import Examples
from prefprop_cli.training.device import out_of_memory
from prefprop_cli.training.rng import set_rng_state
from prefprop_cli.training.state import Trainable


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


class Accumulator:
    """Computes the gradients of a step; its micro-batch gets smaller when memory runs out.

    `should_stop` is asked before each micro-batch, `on_micro_batch` called after each with this
    rank's documents that are done, and its losses.
    """

    def __init__(
        self,
        model: Trainable,
        accelerator: Accelerator,
        *,
        micro_batch_size: int,
        should_stop: Callable[[], bool],
        on_micro_batch: Callable[[Sequence[int], Tensor], None],
    ) -> None:
        self.model, self.accelerator = model, accelerator
        self.trainable = list(model.trainable.values())
        self.micro_batch_size = micro_batch_size
        self.should_stop, self.on_micro_batch = should_stop, on_micro_batch

    def gradients(
        self, examples: Examples, indices: Sequence[int], *, rng: dict[str, str]
    ) -> Accumulated:
        """Set the gradients of the mean loss over the documents of one step, the same on all ranks.

        The mean depends neither on the micro-batch nor on the number of ranks. Out of memory, a
        rank does its share again with half the micro-batch, from `rng`, the state of its generators
        at the start of the step.

        Raises:
            StopRequested: `should_stop` said so before a micro-batch of any rank.
            ResourceError: a single document does not fit in memory.
            PrefpropError: the loss depends on no trainable parameter.
        """
        shares = world().on_all(lambda: self._of_share(examples, indices, rng=rng))
        self._add_up_gradients()
        return Accumulated(
            losses=torch.tensor(merged([share.losses.tolist() for share in shares])),
            ids=tuple(merged([share.ids for share in shares])),
            n_tokens=sum(share.n_tokens for share in shares),
            warnings=tuple(warning for share in shares for warning in share.warnings),
        )

    def _of_share(
        self, examples: Examples, indices: Sequence[int], *, rng: dict[str, str]
    ) -> Accumulated:
        warnings: list[str] = []
        while True:
            try:
                return self._accumulate(examples, indices, warnings)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.micro_batch_size == 1:
                    asked = "a step with train.micro_batch_size = 1"
                    raise out_of_memory(asked, found=error) from error
            # Out here, because inside the except clause the error keeps the failed pass in memory.
            smaller = self.micro_batch_size // 2
            where = f" in process {world().rank}" if world().size > 1 else ""
            warnings.append(
                f"out of memory{where}: train.micro_batch_size is now {smaller} instead of "
                f"{self.micro_batch_size}; train.batch_size is kept, and the step was done again"
            )
            self.micro_batch_size = smaller
            set_rng_state(rng)

    def _accumulate(
        self, examples: Examples, indices: Sequence[int], warnings: Sequence[str]
    ) -> Accumulated:
        for parameter in self.trainable:
            parameter.grad = None
        share = world().share(indices)
        losses = [torch.zeros(0)]
        ids: list[str] = []
        n_tokens = 0
        for start in range(0, len(share), self.micro_batch_size):
            if self.should_stop():
                raise StopRequested
            batch = examples.load(share[start : start + self.micro_batch_size])
            batch = batch.to(self.accelerator.device)
            with self.accelerator.autocast():
                of_batch = self.model.losses(batch).float()
            if not of_batch.requires_grad:
                raise PrefpropError("the loss does not depend on anything that trains")
            self.accelerator.backward(of_batch.sum() / len(indices))
            losses.append(of_batch.detach())
            ids.extend(batch.ids)
            n_tokens += batch.n_tokens
            self.on_micro_batch(share[: len(ids)], losses[-1])
        on_cpu = torch.cat([loss.cpu() for loss in losses])
        return Accumulated(on_cpu, tuple(ids), n_tokens, tuple(warnings))

    def _add_up_gradients(self) -> None:
        """Sum over ranks, in one exchange; a rank without a share counts as zeros."""
        if world().size == 1:
            return
        parameters = self.trainable
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        # Where no rank has a gradient there is to be none, which is not the same as zero.
        n_present = gradients[0].new_tensor([p.grad is not None for p in parameters])
        buffer = torch.cat([*map(torch.flatten, gradients), n_present])
        world().add_up(buffer)
        *sums, n_present = buffer.split([*(p.numel() for p in parameters), len(parameters)])
        for parameter, total, present in zip(parameters, sums, n_present.tolist(), strict=True):
            parameter.grad = total.view_as(parameter) if present else None
