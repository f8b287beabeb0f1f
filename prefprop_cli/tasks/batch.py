"""Batches of documents: rows of tokens, and the positions that the head of the task reads.

A document is one row, or several where it is longer than the backbone can read; each row gives
logits, and those of one document are pooled.

Axes: N documents, R rows, T packed tokens, C classes or candidates, W hidden size.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from prefprop_cli.core.attention import Rows
from prefprop_cli.core.encoder.layout import Tokens, send
from prefprop_cli.data.form import Form, Record, Row
from prefprop_cli.tables import Pooling


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
class Batch:
    """Some documents, ready for the encoder."""

    ids: tuple[str, ...]
    tokens: Tokens
    """All rows packed; the rows of a document stand one after another."""
    positions: tuple[tuple[int, ...], ...]
    """For each row, those of its text that the head reads."""
    n_rows: tuple[int, ...]
    """Rows of each document."""
    labels: Tensor
    """(N,) int64, -1 where it is not known."""

    @property
    def n_tokens(self) -> int:
        return self.tokens.rows.n_tokens

    def to(self, device: str | torch.device) -> "Batch":
        return replace(self, tokens=self.tokens.to(device), labels=send(self.labels, device))

    def parts(self, size: int) -> Iterator[tuple[Tokens, tuple[tuple[int, ...], ...]]]:
        """Tokens and positions of at most `size` rows at a time."""
        for start in range(0, len(self.positions), size):
            end = start + size
            yield self.tokens.between(start, end), self.positions[start:end]


def collate(form: Form, records: Sequence[Record]) -> Batch:
    """Make a batch of prepared documents."""
    documents = [form.rows(record) for record in records]
    ids, labels = ([record[name] for record in records] for name in ("id", "label"))
    return pack_rows(ids, documents, labels)


def pack_rows(
    ids: Sequence[object], documents: Sequence[Sequence[Row]], labels: Sequence[int]
) -> Batch:
    """Make a batch of N documents, given as their rows."""
    rows = [row for document in documents for row in document]
    texts = [torch.as_tensor(row.input_ids, dtype=torch.int64) for row in rows]
    packed = Rows.of_lengths([len(text) for text in texts])
    is_global = torch.zeros(packed.n_tokens, dtype=torch.bool)
    for row, start in zip(rows, packed.offsets, strict=False):
        is_global[start : start + row.n_global] = True
    return Batch(
        ids=tuple(map(str, ids)),
        tokens=Tokens(torch.cat(texts), packed, is_global),
        positions=tuple(tuple(row.positions) for row in rows),
        n_rows=tuple(map(len, documents)),
        labels=torch.as_tensor(labels, dtype=torch.int64),
    )


def pooled(logits: Tensor, n_rows: Sequence[int], *, how: Pooling) -> Tensor:
    """Pool logits of rows, (R, C), to those of documents, (N, C)."""
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
    """Return the cross-entropy of each document; (N,) float32 from logits (N, C)."""
    return functional.cross_entropy(logits.float(), batch.labels, reduction="none")


class Table(Protocol):
    """Documents, column by column, such as a `datasets.Dataset`."""

    def __getitem__(self, key: list[int]) -> dict[str, Sequence[object]]: ...


@dataclass(frozen=True)
class Examples:
    """A prepared split as batches."""

    table: Table
    lengths: Sequence[int]
    """Tokens of each document."""
    form: Form
    shuffled: bool = False
    """Whether what has no order in a document is put into another one, as in training."""
    seed: int = 0
    epoch: int = 0

    def __len__(self) -> int:
        return len(self.lengths)

    def load(self, indices: Sequence[int]) -> Batch:
        """Load the batch of these documents, in this order."""
        columns = self.table[list(indices)]
        rows = zip(*columns.values(), strict=True)
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        if self.shuffled:
            # By seed, epoch and document alone: the same after a resume and in any process.
            seeds = [[self.seed, self.epoch, index] for index in indices]
            randoms = map(np.random.RandomState, seeds)
            records = list(map(self.form.shuffled, records, randoms))
        return collate(self.form, records)

    def for_epoch(self, epoch: int) -> "Examples":
        """Return the documents as that epoch of the training sees them."""
        return replace(self, epoch=epoch)
