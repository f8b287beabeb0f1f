"""Documents to logits: no gradients, evaluation mode, and on CPU one document at a time.

A document computed alone costs no more on a CPU, and its result is bitwise the same whatever
stands beside it.

Axes: N documents, C classes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class Batch(Protocol):
    """Documents of one forward pass."""

    def to(self, device: str) -> Self: ...


BatchT_co = TypeVar("BatchT_co", bound=Batch, covariant=True)


class Examples(Protocol[BatchT_co]):
    """A split that can be loaded piece by piece."""

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
    """Logits of a whole split, in its order.

    Args:
        model: batch → logits (n, C); put into evaluation mode, and left in it.
        examples: the split.
        batch_size: documents computed at a time on a GPU.
        device: where the model is.
        stop: asked before each batch.
        progress: told how many documents are done.

    Returns:
        (N, C) float32, or None if `stop` broke it off.
    """
    model.eval()
    size = batch_size_on(device, batch_size)
    logits: list[NDArray[np.float32]] = []
    for indices in _chunks(len(examples), size):
        if stop():
            return None
        logits.append(batch_logits(model, examples.load(indices), device=device))
        progress(indices[-1] + 1)
    return np.concatenate(logits)


def batch_logits(model: nn.Module, batch: Batch, *, device: str) -> NDArray[np.float32]:
    """Logits of one batch; (n, C) float32."""
    with torch.no_grad():
        return model(batch.to(device)).float().cpu().numpy()


def batch_size_on(device: str, batch_size: int) -> int:
    """Documents to compute at a time: one on a CPU, else as many as asked for."""
    return 1 if torch.device(device).type == "cpu" else batch_size


def _chunks(n: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, n)) for start in range(0, n, size))
