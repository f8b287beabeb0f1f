"""What a document is on its way from text to tensors: a record of integers, then rows of tokens."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from prefprop_cli.data.corpus import Document

if TYPE_CHECKING:
    from torch import Tensor

    from prefprop_cli.data.tokenizer import TextTokenizer

COUNTS = (
    "n_tokens",  # of the document, special tokens included
    "n_cut",  # those of them that are not read
    "n_rows",  # rows the document becomes
    "n_computed",  # tokens of all its rows, placeholders not counted
)
Record = dict[str, Any]
"""One prepared document, column by column."""


@dataclass(frozen=True)
class Row:
    """One row of a document, as the encoder reads it."""

    input_ids: "Sequence[int] | Tensor"
    n_global: int
    """How many tokens, from the first, are global."""
    positions: Sequence[int]
    """Those the head reads."""


@dataclass(frozen=True)
class Form(ABC):
    """How documents become columns of integers, and these rows of tokens.

    A record has `id`, `label`, the columns of tokens, and `COUNTS`.
    """

    tokenizer: "TextTokenizer"
    max_tokens: int
    """Longest row, special tokens included and placeholders not."""

    token_columns: ClassVar[Mapping[str, int]]
    """Columns of token ids, and how deep their lists are."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, object]:
        """All that decides the columns beside document, labels and tokenizer; JSON."""

    @abstractmethod
    def encode(self, documents: Sequence[Document]) -> list[Record]:
        """Make the record of each document; the label is -1 where it is not known.

        Raises:
            DataError: a document cannot be brought into this form.
        """

    @abstractmethod
    def rows(self, record: Record) -> list[Row]:
        """Return the rows of a document."""

    def shuffled(self, record: Record, random: np.random.RandomState) -> Record:
        """Put what has no order in a document into another one."""
        return record
