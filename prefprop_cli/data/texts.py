"""Texts without labels, for prediction: streamed, one document at a time."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from prefprop_cli.data.cells import Fields, matching, text_of
from prefprop_cli.data.columns import TEXT_NAMES, text_column_in, with_columns
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.csv_rows import SEPARATORS
from prefprop_cli.data.decoding import attempt, each_line, opened, read_text, sound
from prefprop_cli.data.json_text import holds_json_rows
from prefprop_cli.data.kinds import refuse_other_kinds
from prefprop_cli.data.table_rows import TableRow, each_row, is_table, json_rows
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.tables import Errors
from prefprop_cli.words import quoted


@dataclass(frozen=True)
class TextRecord:
    """A text and where it comes from."""

    id: str
    """The file, with `:line` where there are several, or `:row` where it has no lines."""
    found: Document | PrefpropError
    """The document, without label, or why it cannot be read."""
    file: str
    """As it was given; `-` for a stream."""
    row: int | None = None
    """Number of the row or line, from 1, neither header nor blank lines of a table counted; None
    where the file is one document."""
    fields: Fields = field(default_factory=dict)
    """All columns of the row, as read; empty where it has none, or cannot be read."""


def each_text(
    source: Path | BinaryIO,
    *,
    errors: Errors = "strict",
    lines: bool = False,
    text_column: str = "text",
    or_another: bool = False,
) -> Iterator[TextRecord]:
    """Read the texts of a file, or of a stream of bytes such as standard input.

    A JSON, .csv, .tsv or .parquet file gives one document per row, and so does a stream that holds
    objects in JSON; with `lines` each line is one, whatever the kind of file; any other text is one
    document. Behind the error of a row or line the others follow. With `or_another` the text is
    looked for by name and content in a file that has no `text_column`, which is noted.

    Raises:
        DataError: the file is missing, empty of rows, unreadable, or of a kind that is no text;
            none of its first rows has the column; or a stream begins as a table, which it cannot
            say the kind of.
        CorruptFileError: a .parquet file that is damaged.
    """
    path = source if isinstance(source, Path) else None
    name = str(path or "-")
    of_rows = partial(
        _of_rows, path=path or name, errors=errors, column=text_column, or_another=or_another
    )
    if path and not lines:
        if is_table(path):
            yield from of_rows(each_row(path, errors=errors))
            return
        refuse_other_kinds(path)
    with opened(source) if isinstance(source, Path) else nullcontext(source) as stream:
        if lines:
            for number, line in each_line(stream, name=name, errors=errors):
                id = f"{name}:{number}"
                found = line if isinstance(line, DataError) else Document(id, line, label=None)
                yield TextRecord(id, found, name, number)
            return
        text = read_text(stream, name=name, errors=errors)
    if path is None:  # what a file holds is said by its name, what a stream holds by itself
        if holds_json_rows(text):
            yield from of_rows(json_rows(text, name=name))
            return
        _refuse_table(text, name=name, column=text_column)
    yield TextRecord(name, Document(name, text, label=None), name)


def _refuse_table(text: str, *, name: str, column: str) -> None:
    header, _, rows = text.partition("\n")
    signs = [sign for sign in SEPARATORS if sign in header and " " not in header]
    columns = [[cell.strip('"') for cell in header.split(sign)] for sign in signs]
    if rows and any(matching(each, names) for each in (column, *TEXT_NAMES) for names in columns):
        raise DataError(
            f"{name}: the first line, {quoted(header)}, is the header of a table. Give it as a "
            "file whose name says of what kind (.csv, .tsv), or each line as a document: --lines"
        )


def _of_rows(
    rows: Iterator[TableRow], *, path: Path | str, errors: Errors, column: str, or_another: bool
) -> Iterator[TextRecord]:
    if or_another:
        column, rows = text_column_in(rows, column, path=path)

    def document(fields: Fields | DataError, id: str) -> Document:
        return Document(id, text_of(sound(fields), column, where=id, errors=errors), label=None)

    for row in with_columns(rows, {"text_column": column}, path=path):
        id = f"{path}:{row.place}"
        fields = {} if isinstance(row.fields, DataError) else row.fields
        yield TextRecord(
            id, attempt(partial(document, row.fields, id)), str(path), row.number, fields
        )
