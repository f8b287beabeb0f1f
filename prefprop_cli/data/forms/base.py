"""What all forms have in common."""

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa

from prefprop_cli.data.corpus import Document

Columns = dict[str, object]
"""One document, column by column."""

IDS = pa.list_(pa.int32())
COUNTS = (
    ("n_tokens", pa.int64()),  # of the document, special tokens included
    ("n_cut", pa.int64()),  # those of them that are not read
    ("n_rows", pa.int64()),  # rows the document becomes
    ("n_computed", pa.int64()),  # tokens of all its rows, placeholders not counted
)


class Form(Protocol):
    """How documents of one task become columns.

    Attributes:
        settings: all that decides the columns beside document, labels and tokenizer; JSON.
        schema: the columns; `id`, `label` and `COUNTS` are among them.
    """

    @property
    def settings(self) -> dict[str, object]: ...
    @property
    def schema(self) -> pa.Schema: ...

    def encode(self, documents: Sequence[Document]) -> list[Columns]:
        """The columns of each document; the label is -1 where it is not known.

        Raises:
            DataError: a document cannot be brought into this form.
        """
