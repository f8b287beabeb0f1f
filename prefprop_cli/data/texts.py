"""Texts without labels, for prediction: streamed, one document at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.decoding import Errors, opened, read_lines, read_text
from prefprop_cli.data.kinds import refuse_other_kinds
from prefprop_cli.data.records import (
    Fields,
    holds_json_rows,
    is_table,
    json_rows,
    read_records,
    text_of,
)


def read_texts(
    source: Path | BinaryIO,
    *,
    errors: Errors = "strict",
    lines: bool = False,
    text_column: str = "text",
) -> Iterator[Document]:
    """The documents of a file, or of a stream of bytes such as standard input.

    A JSON, .csv, .tsv or .parquet file gives one document per row, and so does a stream that holds
    objects in JSON; any other text is one document.

    Args:
        source: file, or stream (named `-`).
        errors: what to do with bytes that are not UTF-8.
        lines: take each line as a document, whatever the kind of file.
        text_column: where a row has its text.

    Yields:
        Documents without label; the id is the file, with `:line` where there are several.

    Raises:
        DataError: the file is missing, empty of rows, unreadable, or of a kind that is no text.
        CorruptFileError: a .parquet file that is damaged.
    """
    if isinstance(source, Path) and is_table(source) and not lines:
        rows = read_records(source, errors=errors)
        yield from _of_rows(rows, name=str(source), errors=errors, column=text_column)
    elif isinstance(source, Path):
        if not lines:
            refuse_other_kinds(source)
        with opened(source) as stream:
            yield from _from_stream(stream, name=str(source), errors=errors, lines=lines)
    elif lines:
        yield from _from_stream(source, name="-", errors=errors, lines=True)
    else:
        text = read_text(source, name="-", errors=errors)
        if holds_json_rows(text):
            rows = json_rows(text, name="-")
            yield from _of_rows(rows, name="-", errors=errors, column=text_column)
        else:
            yield Document("-", text, label=None)


def _of_rows(
    rows: Iterable[tuple[int, Fields]], *, name: str, errors: Errors, column: str
) -> Iterator[Document]:
    for number, fields in rows:
        where = f"{name}:{number}"
        text = text_of(fields, column, where=where, errors=errors)
        yield Document(where, text, label=None)


def _from_stream(stream: BinaryIO, *, name: str, errors: Errors, lines: bool) -> Iterator[Document]:
    if lines:
        for number, line in read_lines(stream, name=name, errors=errors):
            yield Document(f"{name}:{number}", line, label=None)
    else:
        yield Document(name, read_text(stream, name=name, errors=errors), label=None)
