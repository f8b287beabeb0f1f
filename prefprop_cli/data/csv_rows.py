"""Rows of .csv and .tsv files; what separates the fields of a .csv file is found out."""

import csv
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from prefprop_cli.data.cells import Fields
from prefprop_cli.data.decoding import Say, each_line, opened, sound, unsaid
from prefprop_cli.errors import DataError
from prefprop_cli.tables import Errors
from prefprop_cli.words import quoted

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
HEAD_CHARACTERS = 2**18
"""So much of a .csv file shows what separates its fields."""
_EXCEL = re.compile(r"sep=(.)\s*", re.IGNORECASE | re.DOTALL)
"""A first line with which Excel names the separator."""


def each_csv_row(path: Path, errors: Errors, say: Say) -> Iterator[tuple[int, Fields | DataError]]:
    """Read rows: (line, column -> value), or the error of one that is not as the header.

    Raises:
        DataError: it is no table, or its header cannot be used.
    """
    with opened(path) as stream:
        numbered = each_line(stream, name=str(path), errors=errors, say=say)
        lines: Iterator[str | DataError] = (line for _, line in numbered)
        separator = "\t"
        if path.suffix.lower() == ".csv":
            head = list(_head(lines))
            separator = _separator(head)
            if _named_by_excel(head):
                head[0] = ""  # blank, so that the lines behind it keep their numbers
            if separator != ",":
                say(f"looks {SEPARATORS.get(separator, separator)}-separated, and is read so")
            lines = chain(head, lines)
        yield from _parsed(lines, path, separator)


def separator_in(path: Path) -> str:
    """Find what stands between the fields of a .csv or .tsv file."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    with opened(path) as stream:
        lines = each_line(stream, name=str(path), errors="replace", say=unsaid)
        return _separator(list(_head(line for _, line in lines)))


def separator_of(lines: Sequence[str], *, whole: bool) -> str:
    """Find the separator with which the first lines of a table make rows as long as its header.

    Each is tried with the parser that reads the file, so that separators and line ends inside of
    quotes do not count. Of two that do equally well the one with more columns is it.
    It is a comma where none parts the header. Lines have their ends; `whole`, there are no more.
    """
    return max(SEPARATORS, key=lambda separator: _fit(lines, separator, whole=whole))


def _fit(lines: Sequence[str], separator: str, *, whole: bool) -> tuple[float, int]:
    """(share of rows with as many fields as the header, fields of the header); 0 if it has one."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return 0.0, 0
    header, *others = rows or [[]]
    if len(header) < 2:
        return 0.0, 0
    if not whole:
        others = others[:-1]  # may be cut
    as_long = sum(len(row) == len(header) for row in others)
    return (as_long / len(others) if others else 1.0), len(header)


def _separator(head: Sequence[str | DataError]) -> str:
    if separator := _named_by_excel(head):
        return separator
    texts = [f"{line}\n" for line in head if isinstance(line, str)]
    is_whole = len(texts) == len(head) and sum(map(len, texts)) < HEAD_CHARACTERS
    csv.field_size_limit(sys.maxsize)
    return separator_of(texts, whole=is_whole)


def _named_by_excel(head: Sequence[str | DataError]) -> str | None:
    first = head[0] if head else ""
    found = _EXCEL.fullmatch(first) if isinstance(first, str) else None
    return found and found[1]


def _head(lines: Iterator[str | DataError]) -> Iterator[str | DataError]:
    n_characters = 0
    for line in lines:
        yield line
        n_characters += HEAD_CHARACTERS if isinstance(line, DataError) else len(line) + 1
        if n_characters >= HEAD_CHARACTERS:
            return


def _parsed(
    lines: Iterable[str | DataError], path: Path, separator: str
) -> Iterator[tuple[int, Fields | DataError]]:
    csv.field_size_limit(sys.maxsize)  # the default refuses documents over 131,072 characters
    reader = csv.reader((f"{sound(line)}\n" for line in lines), delimiter=separator, strict=True)
    line = 1
    try:
        header = _header(next(filter(None, reader), []), separator, path)
        while True:
            line = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return
            if len(row) == len(header):
                yield line, dict(zip(header, row, strict=True))
            elif row:
                told = f"{path}:{line}: {len(row)} fields, the header has {len(header)}"
                yield line, DataError(told)
    except csv.Error as error:
        raise DataError(f"{path}:{line}: not CSV: {_advice(str(error), path)}") from None


def _header(header: list[str], separator: str, path: Path) -> list[str]:
    """Name the columns; several blank names, as of empty columns of a sheet, get numbers."""
    if header.count("") > 1:
        header = [name or f"column_{number}" for number, name in enumerate(header, start=1)]
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f"{path}:1: a column name stands twice in the header, {quoted(twice)}")
    others = [other for other in SEPARATORS if other != separator and other in "".join(header)]
    if len(header) == 1 and others and separator != ",":
        raise DataError(
            f"{path}:1: one column, {quoted(header[0])}. Is the file separated by {others[0]!r}? A "
            f"{path.suffix} file must have {separator!r} between its fields"
        )
    return header


def _advice(error: str, path: Path) -> str:
    if error.startswith("new-line character"):
        return (
            "a line ends in a carriage return alone, as on old Macs: "
            f"tr '\\r' '\\n' < {shlex.quote(str(path))} > lines{path.suffix}"
        )
    if "end of data" in error:
        return f'{error}. A quotation mark (") opens here and is not closed; one in a text is ""'
    return error
