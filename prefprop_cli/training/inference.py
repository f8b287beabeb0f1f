"""Documents to logits: no gradients, evaluation mode, and on CPU one document at a time.

A document computed alone costs no more on a CPU, and its result is bitwise the same whatever
stands beside it. Started as several processes, each computes its share.

Axes: N documents, C classes.
"""

from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prefprop_cli.runs.distributed import World, merged, world


class Batch(Protocol):
    """Documents of one forward pass."""

    def to(self, device: str) -> Self: ...


BatchT_co = TypeVar("BatchT_co", bound=Batch, covariant=True)


class Examples(Protocol[BatchT_co]):
    """A split that can be loaded piece by piece; `lengths`, if it has them, in tokens."""

    def __len__(self) -> int: ...
    def load(self, indices: Sequence[int]) -> BatchT_co: ...


def predict_logits(
    model: nn.Module,
    examples: Examples[Batch],
    *,
    batch_size: int,
    device: str,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda done: None,
) -> NDArray[np.float32] | None:
    """Logits of a whole split, in its order; all of them on every rank.

    Args:
        model: batch → logits (n, C); put into evaluation mode, and left in it.
        examples: the split.
        batch_size: documents computed at a time on a GPU.
        device: where the model is.
        stop: asked before each batch; one rank that says so stops all.
        progress: told how many documents are done, on rank 0.

    Returns:
        (N, C) float32, or None if `stop` broke it off. Where batches differ in C, it is the
        largest, and the others end in -inf.
    """
    here = world()
    order = _order(examples, here)
    share = here.share(order)

    def rows_of_share() -> list[NDArray[np.float32]] | None:
        model.eval()
        rows: list[NDArray[np.float32]] = []
        for indices in _chunks(share, batch_size_on(device, batch_size)):
            if stop():
                return None
            rows.extend(batch_logits(model, examples.load(indices), device=device))
            if here.is_main:
                progress(min(len(rows) * here.size, len(order)))
        return rows

    shares = here.on_all(rows_of_share)
    whole = [share for share in shares if share is not None]
    return _stacked(merged(whole), order) if len(whole) == here.size else None


def batch_logits(model: nn.Module, batch: Batch, *, device: str) -> NDArray[np.float32]:
    """Logits of one batch; (n, C) float32."""
    with torch.no_grad():
        return model(batch.to(device)).float().cpu().numpy()


def batch_size_on(device: str, batch_size: int) -> int:
    """Documents to compute at a time: one on a CPU, else as many as asked for."""
    return 1 if torch.device(device).type == "cpu" else batch_size


def _order(examples: Examples[Batch], world: World) -> Sequence[int]:
    """The documents in the order they are dealt out to ranks: by length, so that none waits."""
    lengths: Sequence[int] | None = getattr(examples, "lengths", None)
    if world.size == 1 or lengths is None:
        return range(len(examples))
    return sorted(range(len(examples)), key=lengths.__getitem__, reverse=True)


def _chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _stacked(rows: Sequence[NDArray[np.float32]], order: Sequence[int]) -> NDArray[np.float32]:
    """Rows of logits, each at the place of its document."""
    logits = np.full((len(rows), max(map(len, rows))), -inf, dtype=np.float32)
    for place, row in zip(order, rows, strict=True):
        logits[place, : len(row)] = row
    return logits
