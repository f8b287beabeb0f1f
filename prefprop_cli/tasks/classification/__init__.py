"""Classification of whole documents: `[CLS]` of each row is global, and the head reads it.

A row is `[CLS] … [SEP]`; a document that is read in chunks has several.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.form import Form, Record, Row
from prefprop_cli.data.inputs import Reader, Reading
from prefprop_cli.data.kinds import TEXT_SUFFIXES
from prefprop_cli.data.table_rows import is_table
from prefprop_cli.data.texts import each_text
from prefprop_cli.data.truncation import Ids, pieces
from prefprop_cli.tables import Truncation
from prefprop_cli.tasks.base import Labels, Task
from prefprop_cli.tasks.metrics import ClassMetrics

if TYPE_CHECKING:
    from prefprop_cli.config.schema import DataTable
    from prefprop_cli.data.tokenizer import TextTokenizer
    from prefprop_cli.tasks.classification.head import ClassificationHead

N_SPECIAL = 2


@dataclass(frozen=True)
class ClassificationForm(Form):
    """Documents as rows of tokens."""

    labels: tuple[str, ...]
    """The classes; `label` is an index into them."""
    truncation: Truncation = "truncate"
    """What is read of a longer document."""
    max_chunks: int | None = None
    """Most rows of a document where that is `chunk`; None for as many as it takes."""

    token_columns: ClassVar[Mapping[str, int]] = {"rows": 2}

    @property
    def settings(self) -> dict[str, object]:
        bounded = {} if self.max_chunks is None else {"max_chunks": self.max_chunks}
        return {"max_tokens": self.max_tokens, "beyond": self.truncation, **bounded}

    def encode(self, documents: Sequence[Document]) -> list[Record]:
        all_ids = self.tokenizer.ids([document.text for document in documents])
        return list(map(self._record, documents, all_ids))

    def _record(self, document: Document, ids: Ids) -> Record:
        room = self.max_tokens - N_SPECIAL
        read = pieces(ids, room=room, truncation=self.truncation, max_chunks=self.max_chunks)
        rows = [[self.tokenizer.cls_id, *piece, self.tokenizer.sep_id] for piece in read]
        return {
            "id": document.id,
            "rows": rows,
            "label": -1 if document.label is None else self.labels.index(document.label),
            "n_tokens": len(ids) + N_SPECIAL,
            "n_cut": len(ids) - sum(map(len, read)),
            "n_rows": len(rows),
            "n_computed": sum(map(len, rows)),
        }

    def rows(self, record: Record) -> list[Row]:
        return [Row(ids, n_global=1, positions=(0,)) for ids in record["rows"]]


class Classification(Task):
    """Texts, and classes that all of them share."""

    does = "classifies texts"

    def form(
        self, table: "DataTable", *, labels: Labels, tokenizer: "TextTokenizer", max_tokens: int
    ) -> ClassificationForm:
        return ClassificationForm(tokenizer, max_tokens, labels, table.beyond, table.max_chunks)

    def head(self, hidden_size: int, n_classes: int, *, dropout: float) -> "ClassificationHead":
        from prefprop_cli.tasks.classification.head import ClassificationHead

        return ClassificationHead(hidden_size, n_classes, dropout=dropout)

    def metrics(self, n_classes: int) -> ClassMetrics:
        return ClassMetrics(n_classes)

    def names_of(self, document: Document, labels: Labels) -> Labels:
        return labels

    def recognises(self, head: bytes) -> bool:
        return False  # any text can be classified

    def file_reader(self, table: "DataTable", reading: Reading) -> Reader:
        read = partial(
            each_text,
            lines=reading.lines,
            errors=reading.errors,
            text_column=reading.text_column or table.text_column,
            or_another=reading.text_column is None,
        )
        return Reader(read, TEXT_SUFFIXES, holds_rows=lambda path: reading.lines or is_table(path))

    def read_labelled(
        self, source: Path, table: "DataTable", columns: Mapping[str, str]
    ) -> list[Document]:
        from prefprop_cli.data.sets.files import labelled_documents

        # Groups matter where splits are drawn.
        return labelled_documents(
            source, table.model_copy(update={**columns, "group_column": None})
        )


TASK = Classification()
