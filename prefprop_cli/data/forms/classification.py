"""Documents to be classified: rows of `[CLS] … [SEP]`, several where one is read in chunks."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.forms.base import COUNTS, IDS, Columns
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.data.truncation import Ids, pieces
from prefprop_cli.tables import Truncation

N_SPECIAL = 2


@dataclass(frozen=True)
class ClassificationForm:
    """Columns `id`, `rows`, `label` and the counts.

    Attributes:
        tokenizer: of the backbone.
        max_tokens: longest row, `[CLS]` and `[SEP]` included.
        labels: the classes; `label` is an index into them.
        beyond: what is read of a longer document.
        max_chunks: most rows of a document where that is `chunk`; None for as many as it takes.
    """

    tokenizer: TextTokenizer
    max_tokens: int
    labels: tuple[str, ...]
    beyond: Truncation = "truncate"
    max_chunks: int | None = None

    schema = pa.schema(
        [("id", pa.string()), ("rows", pa.list_(IDS)), ("label", pa.int64()), *COUNTS]
    )

    @property
    def settings(self) -> dict[str, object]:
        bounded = {} if self.max_chunks is None else {"max_chunks": self.max_chunks}
        return {"max_tokens": self.max_tokens, "beyond": self.beyond, **bounded}

    def encode(self, documents: Sequence[Document]) -> list[Columns]:
        """As `Form.encode`."""
        ids = self.tokenizer.ids([document.text for document in documents])
        return [self._columns(*pair) for pair in zip(documents, ids, strict=True)]

    def _columns(self, document: Document, ids: Ids) -> Columns:
        room = self.max_tokens - N_SPECIAL
        read = pieces(ids, room=room, beyond=self.beyond, max_chunks=self.max_chunks)
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
