"""What every task makes of documents: rows of tokens, and the places its head reads.

A document is one row, or several where it is longer than the backbone can read; each row gives
logits, and those of one document are pooled.

Axes: N documents, R rows, T packed tokens, C classes or candidates, W hidden width.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from prefprop_cli.core.attention import Rows
from prefprop_cli.core.encoder.layout import Tokens, send
from prefprop_cli.tables import Pooling

Record = dict[str, Any]
"""One prepared document, column by column."""


class Head(nn.Module, ABC):
    """What a task puts on the encoder; its parameters train."""

    @property
    def markers(self) -> Tensor | None:
        """(M, W), embeddings of words that the vocabulary does not have."""
        return None

    @abstractmethod
    def forward(self, hidden: Tensor, rows: Rows) -> Tensor:
        """Logits (R, C) of the hidden states that are read, `rows.lengths[r]` of each row r."""


@dataclass(frozen=True)
class Row:
    """One row of a document, as its task builds it.

    Args:
        input_ids: its tokens.
        n_global: how many of them, from the first, are global.
        places: the positions the head reads.
    """

    input_ids: Sequence[int] | Tensor
    n_global: int
    places: Sequence[int]


@dataclass(frozen=True)
class Batch:
    """Some documents, ready for the encoder.

    Args:
        ids: their names.
        tokens: all rows packed; the rows of a document stand one after another.
        places: for each row, the positions of its text that the head reads.
        n_rows: rows of each document.
        labels: (N,) int64, -1 where it is not known.
    """

    ids: tuple[str, ...]
    tokens: Tokens
    places: tuple[tuple[int, ...], ...]
    n_rows: tuple[int, ...]
    labels: Tensor

    @property
    def n_tokens(self) -> int:
        return self.tokens.rows.n_tokens

    def to(self, device: str | torch.device) -> "Batch":
        tokens, labels = self.tokens.to(device), send(self.labels, device)
        return Batch(self.ids, tokens, self.places, self.n_rows, labels)

    def parts(self, size: int) -> Iterator[tuple[Tokens, tuple[tuple[int, ...], ...]]]:
        """Tokens and places of at most `size` rows at a time."""
        for first in range(0, len(self.places), size):
            end = first + size
            yield self.tokens.between(first, end), self.places[first:end]


def pack_rows(
    ids: Sequence[object], documents: Sequence[Sequence[Row]], labels: Sequence[int]
) -> Batch:
    """The batch of these documents.

    Args:
        ids: N names.
        documents: rows of each.
        labels: N classes.
    """
    rows = [row for document in documents for row in document]
    texts = [torch.as_tensor(row.input_ids, dtype=torch.int64) for row in rows]
    packed = Rows.of_lengths([len(text) for text in texts])
    is_global = torch.zeros(packed.n_tokens, dtype=torch.bool)
    for row, start in zip(rows, packed.offsets, strict=False):
        is_global[start : start + row.n_global] = True
    return Batch(
        ids=tuple(map(str, ids)),
        tokens=Tokens(torch.cat(texts), packed, is_global),
        places=tuple(tuple(row.places) for row in rows),
        n_rows=tuple(map(len, documents)),
        labels=torch.as_tensor(labels, dtype=torch.int64),
    )


def pooled(logits: Tensor, n_rows: Sequence[int], *, how: Pooling) -> Tensor:
    """Logits of documents, (N, C), from those of their rows, (R, C): their mean, maximum or sum."""
    if len(n_rows) == len(logits):
        return logits
    of_documents = logits.split(list(n_rows))
    if how == "max":
        return torch.stack([part.amax(dim=0) for part in of_documents])
    sums = torch.stack([part.sum(dim=0) for part in of_documents])
    if how == "sum":
        return sums
    return sums / torch.tensor(n_rows, device=sums.device).unsqueeze(1)


def losses(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of each document; (N,) float32 from logits (N, C)."""
    return functional.cross_entropy(logits.float(), batch.labels, reduction="none")


class Table(Protocol):
    """What `Examples` needs of a prepared split; a `datasets.Dataset` has it."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: list[int]) -> dict[str, Sequence[object]]: ...


class Shuffle(Protocol):
    """Puts what has no order in a document into another one."""

    def __call__(self, record: Record, random: np.random.RandomState) -> Record: ...


@dataclass(frozen=True)
class Examples:
    """A prepared split as batches.

    Args:
        table: the documents, column by column.
        lengths: tokens of each.
        collate: makes a batch of them.
        shuffle: applied to each document in training; None for none.
        seed: of the shuffles.
        epoch: another shuffle in each.
    """

    table: Table
    lengths: Sequence[int]
    collate: Callable[[Sequence[Record]], Batch]
    shuffle: Shuffle | None = None
    seed: int = 0
    epoch: int = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def load(self, indices: Sequence[int]) -> Batch:
        """The batch of these documents, in this order."""
        columns = self.table[list(indices)]
        rows = zip(*columns.values(), strict=True)
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        return self.collate(list(map(self._shuffled, records, indices)))

    def for_epoch(self, epoch: int) -> "Examples":
        """The documents as that epoch of the training sees them."""
        return replace(self, epoch=epoch)

    def _shuffled(self, record: Record, index: int) -> Record:
        if self.shuffle is None:
            return record
        # A function of seed, epoch and document alone: the same after a resume and in any process.
        return self.shuffle(record, np.random.RandomState([self.seed, self.epoch, index]))
