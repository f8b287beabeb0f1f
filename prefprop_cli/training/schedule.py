"""What each optimizer step sees: its documents and its learning rate, both pure functions.

The documents are one of the seed and the epoch. A position in an epoch is the number of documents
already consumed, so that a resumed run continues with the exact next document.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from prefprop_cli.errors import UsageError

BATCHES_PER_BUCKET = 4
"""Batches whose documents are sorted together: more wastes less on padding and mixes less."""


def learning_rate(step: int, *, n_steps: int, peak: float, warmup: float) -> float:
    """Return the rate of a step: linear warm-up to the peak, then linear decay.

    With w = max(1, round(warmup · n_steps)) it is `peak · step / w` up to step w, then
    `peak · (n_steps + 1 - step) / (n_steps + 1 - w)`. Steps are counted from 1, so neither end is 0
    and no step thrown away; `warmup` is the share of them in which the rate rises, in [0, 1).

    Source: Li et al. 2023, appendix B (linear schedule, warm-up 0.1), arXiv 2305.12086.
    """
    n_warmup = max(1, round(warmup * n_steps))
    if step <= n_warmup:
        return peak * step / n_warmup
    return peak * (n_steps + 1 - step) / (n_steps + 1 - n_warmup)


def effective_batches(
    lengths: Sequence[int], *, seed: int, epoch: int, batch_size: int
) -> list[Sequence[int]]:
    """Return the batches of one epoch: shuffled, then bucketed by length.

    The documents are shuffled and cut into buckets of a few batches; a bucket is sorted by length
    (equal lengths stay shuffled) and cut into batches, of which one may be shorter; the batches are
    shuffled. Micro-batches are consecutive slices of a batch, so their documents are of similar
    length. The seed is from 0 to 2³² - 1, the first epoch is 0.
    """
    # RandomState, and not Generator, has a stream that NumPy keeps for good (NEP 19).
    random = np.random.RandomState([seed, epoch])
    shuffled = [int(index) for index in random.permutation(len(lengths))]
    batches = [
        batch
        for bucket in slices(shuffled, size=batch_size * BATCHES_PER_BUCKET)
        for batch in slices(sorted(bucket, key=lengths.__getitem__), size=batch_size)
    ]
    return [batches[index] for index in random.permutation(len(batches))]


def remaining(batches: Sequence[Sequence[int]], *, position: int) -> list[Sequence[int]]:
    """Return the batches that follow the first `position` documents.

    Raises:
        UsageError: no batch ends there, so the position is of another order.
    """
    starts = [0, *accumulate(len(batch) for batch in batches)]
    if position not in starts:
        raise UsageError(
            f"cannot resume after {position} documents of an epoch: no batch ends there. "
            "Resume with the data, train.batch_size and train.seed that the run was started with"
        )
    return list(batches[starts.index(position) :])


def slices(items: Sequence[int], *, size: int) -> list[Sequence[int]]:
    """Cut items into pieces of a size; the last may be shorter."""
    return [items[start : start + size] for start in range(0, len(items), size)]
