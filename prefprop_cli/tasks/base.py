"""What a task is: all in which runs on documents of one kind differ from those on another.

Light to import: what needs PyTorch is in `Task.head` and in `tasks/batch.py`.

Axes: N documents, C classes or candidates.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.form import Form
from prefprop_cli.data.inputs import Reader, Reading
from prefprop_cli.tasks.metrics import Metrics

if TYPE_CHECKING:
    from prefprop_cli.config.schema import DataTable
    from prefprop_cli.data.tokenizer import TextTokenizer
    from prefprop_cli.tasks.batch import Head

Labels = tuple[str, ...]


class Task(ABC):
    """A kind of documents and what is asked of them; `table` is `[data]` of a run's training."""

    has_classes: ClassVar[bool] = True
    """Whether all documents have the same classes; else each has candidates of its own."""
    does: ClassVar[str]
    """What a run of this task does, as the end of "a run that"."""

    @abstractmethod
    def form(
        self, table: "DataTable", *, labels: Labels, tokenizer: "TextTokenizer", max_tokens: int
    ) -> Form:
        """Return the form of documents with these classes, if the task has any."""

    @abstractmethod
    def head(self, hidden_size: int, n_classes: int, *, dropout: float) -> "Head":
        """Make a head; `n_classes` is 0 where there are none."""

    @abstractmethod
    def metrics(self, n_classes: int) -> Metrics:
        """Return what answers are measured by."""

    @abstractmethod
    def names_of(self, document: Document, labels: Labels) -> Labels:
        """Return what the logits of a document are of."""

    @abstractmethod
    def recognises(self, head: bytes) -> bool:
        """Return whether a file that begins so holds documents of this task, and of no other."""

    @abstractmethod
    def file_reader(self, table: "DataTable", reading: Reading) -> Reader:
        """Return how files without labels are read, as is asked for, else as in training.

        Raises:
            UsageError: a column is named, and there are none.
        """

    @abstractmethod
    def read_labelled(
        self, source: Path, table: "DataTable", columns: Mapping[str, str]
    ) -> list[Document]:
        """Read labelled documents; `columns` are those that were asked for, by key of the table.

        Raises:
            UsageError: a column is named, and there are none.
            DataError: the documents cannot be read.
        """
