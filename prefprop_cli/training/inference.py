"""Documents to logits: no gradients, evaluation mode, and on CPU one document at a time.

A document computed alone costs no more on a CPU, and its result is bitwise the same whatever
stands beside it. Started as several processes, each computes its share.

Axes: N documents, C classes.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from prefprop_cli.runs.distributed import merged, world
from prefprop_cli.tasks.batch import Batch
from prefprop_cli.training.schedule import slices


class Loadable(Protocol):
    """Documents that can be loaded piece by piece; `lengths`, if it has them, in tokens."""

    def __len__(self) -> int: ...
    def load(self, indices: Sequence[int]) -> Batch: ...


def predict_logits(
    model: nn.Module,
    examples: Loadable,
    *,
    batch_size: int,
    device: str,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float32] | None:
    """Return the logits of a whole split, in its order; all of them on every rank.

    The model maps a batch to logits (n, C), and is left in evaluation mode. `batch_size` documents
    are computed at a time on a GPU. `should_stop` is asked before each batch, and one rank that
    says so stops all; `on_progress` is called with the documents done and all of them, on rank 0.

    Returns:
        (N, C) float32, or None if `should_stop` broke it off. Where batches differ in C, it is
        the largest, and the others end in -inf.
    """
    here = world()
    lengths: Sequence[int] | None = getattr(examples, "lengths", None)
    order: Sequence[int] = range(len(examples))
    if here.size > 1 and lengths is not None:  # the ranks get the same work, so that none waits
        order = sorted(order, key=lengths.__getitem__, reverse=True)

    def rows_of_share() -> list[NDArray[np.float32]] | None:
        model.eval()
        rows: list[NDArray[np.float32]] = []
        for indices in slices(here.share(order), size=batch_size_on(device, batch_size)):
            if should_stop():
                return None
            rows.extend(batch_logits(model, examples.load(indices), device=device))
            if here.is_main:
                on_progress(min(len(rows) * here.size, len(order)), len(order))
        return rows

    shares = here.on_all(rows_of_share)
    whole = [share for share in shares if share is not None]
    if len(whole) < here.size:
        return None
    rows = merged(whole)
    logits = np.full((len(rows), max(map(len, rows))), -inf, dtype=np.float32)
    for index, row in zip(order, rows, strict=True):
        logits[index, : len(row)] = row
    return logits


def batch_logits(model: nn.Module, batch: Batch, *, device: str) -> NDArray[np.float32]:
    """Return the logits of one batch; (n, C) float32."""
    with torch.no_grad():
        return model(batch.to(device)).float().cpu().numpy()


def batch_size_on(device: str, batch_size: int) -> int:
    """Return how many documents to compute at a time: one on a CPU, else as many as asked for."""
    return 1 if torch.device(device).type == "cpu" else batch_size
