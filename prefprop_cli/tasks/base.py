"""What a task is: all in which runs on documents of one kind differ from those on another.

Light to import: what needs PyTorch is in `Task.head` and in `tasks/batch.py`.

Axes: N documents, C classes or candidates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import numpy as np

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.tables import Errors
from prefprop_cli.tasks.metrics import Metrics

if TYPE_CHECKING:
    from torch import Tensor

    from prefprop_cli.config.schema import DataTable
    from prefprop_cli.tasks.batch import Head

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

    A record has `id`, `label`, the columns of tokens, and the counts of `data.prepare.COUNTS`.
    """

    tokenizer: TextTokenizer
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
        """The record of each document; the label is -1 where it is not known.

        Raises:
            DataError: a document cannot be brought into this form.
        """

    @abstractmethod
    def rows(self, record: Record) -> list[Row]:
        """The rows of a document."""

    def shuffled(self, record: Record, random: np.random.RandomState) -> Record:
        """The document with what has no order in it put into another one."""
        return record


@dataclass(frozen=True)
class FileReader:
    """How files of documents without labels are read."""

    read: Callable[[Path | BinaryIO], Iterator[TextRecord]]
    """Gives the documents of a file or stream."""
    suffixes: Sequence[str]
    """Of the files in a folder that are read."""
    holds_rows: Callable[[Path], bool]
    """Whether a file of that name may hold several documents."""


class Task(ABC):
    """A kind of documents and what is asked of them."""

    has_classes: ClassVar[bool] = True
    """Whether all documents have the same classes; else each brings candidates of its own."""
    does: ClassVar[str]
    """What a run of this task does, as the end of "a run that"."""

    @abstractmethod
    def form(
        self,
        table: "DataTable",
        *,
        labels: tuple[str, ...],
        tokenizer: TextTokenizer,
        max_tokens: int,
    ) -> Form:
        """The form of its documents.

        Args:
            table: says what is read of long ones.
            labels: the classes, if the task has any.
            tokenizer: of the backbone.
            max_tokens: longest row, special tokens included and placeholders not.
        """

    @abstractmethod
    def head(self, hidden_size: int, n_classes: int, *, dropout: float) -> "Head":
        """A fresh head; `n_classes` is 0 where there are none."""

    @abstractmethod
    def metrics(self, n_classes: int) -> Metrics:
        """What its answers are measured by."""

    @abstractmethod
    def names_of(self, document: Document, labels: tuple[str, ...]) -> tuple[str, ...]:
        """What the logits of a document are of."""

    @abstractmethod
    def recognises(self, head: bytes) -> bool:
        """Whether a file that begins so holds documents of this task, and of no other."""

    @abstractmethod
    def file_reader(
        self, table: "DataTable", *, errors: Errors, lines: bool, text_column: str | None
    ) -> FileReader:
        """How files without labels are read.

        Args:
            table: how those of the training were read.
            errors: what to do with bytes that are no text.
            lines: each line is a document.
            text_column: the column that was asked for; None for that of the training, or one like
                it.

        Raises:
            UsageError: a column is named, and there are none.
        """

    @abstractmethod
    def read_labelled(
        self, source: Path, table: "DataTable", columns: Mapping[str, str]
    ) -> list[Document]:
        """Labelled documents of a file.

        Args:
            source: the file.
            table: how those of the training were read.
            columns: `text_column` and `label_column`, where others are asked for.

        Raises:
            UsageError: a column is named, and there are none.
            DataError: the documents cannot be read.
        """
