"""Classification of whole documents: `[CLS]` is global, and the head reads one position.

Axes: N documents of a batch, T packed tokens, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from prefprop_cli.attention import Rows
from prefprop_cli.model.layout import Tokens, send


@dataclass(frozen=True)
class Batch:
    """Some documents, ready for the encoder.

    Args:
        ids: their names.
        tokens: packed, the first token of each global.
        labels: (N,) int64.
    """

    ids: tuple[str, ...]
    tokens: Tokens
    labels: Tensor

    @property
    def n_tokens(self) -> int:
        return self.tokens.rows.n_tokens

    def to(self, device: str | torch.device) -> "Batch":
        return Batch(self.ids, self.tokens.to(device), send(self.labels, device))


class Table(Protocol):
    """What `Examples` needs of a prepared split; a `datasets.Dataset` has it."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: list[int] | str) -> dict[str, Sequence[object]]: ...


class Examples:
    """A prepared split as batches.

    Args:
        table: columns `id`, `input_ids` and `label`.
        lengths: tokens of each document.
    """

    def __init__(self, table: Table, *, lengths: Sequence[int]) -> None:
        self._table = table
        self.lengths = tuple(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def load(self, indices: Sequence[int]) -> Batch:
        """The batch of these documents, in this order."""
        columns = self._table[list(indices)]
        return collate(columns["id"], columns["input_ids"], columns["label"])


def collate(ids: Sequence[object], input_ids: Sequence[object], labels: Sequence[object]) -> Batch:
    """Pack tokenised documents; the first token of each, `[CLS]`, is global."""
    texts = [torch.as_tensor(text, dtype=torch.int64) for text in input_ids]
    rows = Rows.of_lengths([len(text) for text in texts])
    is_global = torch.zeros(rows.n_tokens, dtype=torch.bool)
    is_global[list(rows.offsets[:-1])] = True
    return Batch(
        ids=tuple(map(str, ids)),
        tokens=Tokens(torch.cat(texts), rows, is_global),
        labels=torch.as_tensor(labels, dtype=torch.int64),
    )


def losses(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of each document; (N,) float32 from logits (N, C)."""
    return functional.cross_entropy(logits.float(), batch.labels, reduction="none")
