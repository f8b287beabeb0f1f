"""Texts without labels, for prediction: streamed, one document at a time."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.decoding import Errors, opened, read_lines, read_text
from prefprop_cli.data.records import SUFFIXES, read_records, text_of


def read_texts(
    source: Path | BinaryIO,
    *,
    errors: Errors = "strict",
    lines: bool = False,
    text_column: str = "text",
) -> Iterator[Document]:
    """The documents of a file, or of a stream of bytes such as standard input.

    A .jsonl, .csv or .parquet file gives one document per row; anything else is one document.

    Args:
        source: file, or stream (named `-`).
        errors: what to do with bytes that are not UTF-8.
        lines: take each line as a document, whatever the kind of file.
        text_column: where a row has its text.

    Yields:
        Documents without label; the id is the file, with `:line` where there are several.

    Raises:
        DataError: the file is missing, empty of rows or unreadable.
    """
    if not isinstance(source, Path):
        yield from _from_stream(source, name="-", errors=errors, lines=lines)
    elif source.suffix in SUFFIXES and not lines:
        for number, fields in read_records(source, errors=errors):
            where = f"{source}:{number}"
            text = text_of(fields, text_column, where=where, errors=errors)
            yield Document(where, text, label=None)
    else:
        with opened(source) as stream:
            yield from _from_stream(stream, name=str(source), errors=errors, lines=lines)


def _from_stream(stream: BinaryIO, *, name: str, errors: Errors, lines: bool) -> Iterator[Document]:
    if lines:
        for number, line in read_lines(stream, name=name, errors=errors):
            yield Document(f"{name}:{number}", line, label=None)
    else:
        yield Document(name, read_text(stream, name=name, errors=errors), label=None)
