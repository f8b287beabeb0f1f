"""Documents as long as real ones: drawn from the token lengths of a data set.

`lengths.json` holds the quantiles alone; `benchmarks/length_quantiles.py` writes it.
"""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal

import numpy as np

from prefprop_cli.training.schedule import effective_batches

Distribution = Literal["newsgroups", "hyperpartisan"]


def quantiles(name: Distribution) -> tuple[int, ...]:
    """Tokens per document at 0, 1, … 100 %, `[CLS]` and `[SEP]` included, before truncation."""
    tables = json.loads(files(__package__).joinpath("lengths.json").read_text())
    return tuple(tables[name]["quantiles"])


def draw(table: Sequence[int], *, n: int, longest: int, seed: int = 0) -> list[int]:
    """Lengths of `n` documents, one from each of `n` equal shares of the distribution.

    Args:
        table: quantiles at equal steps from 0 to 100 %.
        n: documents.
        longest: tokens that are read of a document; the rest is cut off.
        seed: of the place inside each share.

    Returns:
        `n` lengths, from short to long.
    """
    places = (np.arange(n) + np.random.RandomState(seed).random_sample(n)) / n
    found = np.interp(places, np.linspace(0, 1, len(table)), table)
    return [min(longest, round(float(length))) for length in found]


def batches(lengths: Sequence[int], *, batch_size: int) -> tuple[tuple[int, ...], ...]:
    """The lengths in batches as training makes them: shuffled, then bucketed by length."""
    order = effective_batches(lengths, seed=0, epoch=0, batch_size=batch_size)
    return tuple(tuple(lengths[index] for index in batch) for batch in order)
