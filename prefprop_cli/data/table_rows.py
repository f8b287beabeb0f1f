"""Rows of JSON, .csv, .tsv and .parquet files, one at a time, each defect named with its line."""

import csv
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain
from math import isfinite, isnan
from pathlib import Path
from typing import NamedTuple

from prefprop_cli.data.decoding import Say, clean, each_line, opened, read_text, sound, unsaid
from prefprop_cli.data.json_text import each_json_line, is_json_lines, json_values
from prefprop_cli.data.names import matching, missing_column
from prefprop_cli.data.separators import NAMES, separator_of
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.notes import note
from prefprop_cli.tables import Errors
from prefprop_cli.words import quoted

JSON_LINES = (".jsonl", ".ndjson")
JSON_SUFFIXES = (*JSON_LINES, ".json")
SUFFIXES = (*JSON_SUFFIXES, ".csv", ".tsv", ".parquet")
QUESTION = {"query", "candidates", "supports"}
Fields = dict[str, object]
ABSENT = object()
_EXCEL = re.compile(r"sep=(.)\s*", re.IGNORECASE | re.DOTALL)
HEAD_CHARACTERS = 2**18
"""So much of a .csv file shows what separates its fields."""


class Row(NamedTuple):
    """One row of a file.

    Attributes:
        number: of the row, from 1; neither the header nor blank lines count.
        line: on which the row begins, from 1; None where a file has no lines: a .parquet file, or
            a list in JSON.
        fields: column -> value, or why the row cannot be read.
    """

    number: int
    line: int | None
    fields: Fields | DataError

    @property
    def place(self) -> int:
        """Names the row in its file: its line, or its number where there are no lines."""
        return self.number if self.line is None else self.line


def is_table(path: Path) -> bool:
    """Whether a file holds rows, by its ending, in upper or lower case."""
    return path.suffix.lower() in SUFFIXES


def read_records(
    path: Path, *, errors: Errors = "strict", say: Say = note
) -> Iterator[tuple[int, Fields]]:
    """(place, column -> value) of each row; as `each_row`, where no row may be defect.

    Raises:
        DataError: the file is missing, empty or not what its ending says.
        CorruptFileError: a .parquet file that is damaged.
    """
    for row in each_row(path, errors=errors, say=say):
        yield row.place, sound(row.fields)


def each_row(path: Path, *, errors: Errors = "strict", say: Say = note) -> Iterator[Row]:
    """The rows of a file; one that cannot be read holds the error, and the others follow.

    A .json file is a list of objects, one object, or an object on each line. A .tsv file has tabs
    between its fields and quotes as a .csv file; what a .csv file has is found out.

    Args:
        path: a file for which `is_table` holds.
        errors: what to do with bytes that are no text.
        say: hears of an encoding or a separator that is not the usual one.

    Raises:
        DataError, CorruptFileError: as `read_records`, where nothing can be read any more.
    """
    empty = True
    for row in _ROWS[path.suffix.lower()](path, errors, lambda text: say(f"{path.name}: {text}")):
        empty = False
        yield row
    if empty:
        raise DataError(f"{path}: the file holds no documents")


def text_of(fields: Fields, column: str, *, where: str, errors: Errors) -> str:
    """The text in a column.

    Raises:
        DataError: there is no such column, or it holds no text.
    """
    value = _value(fields, column, option="text_column", where=where)
    if not isinstance(value, str):
        raise DataError(f"{where}: {column!r} is {_kind(value)}, not a text")
    return clean(value, where=where, errors=errors)


def label_of(
    fields: Fields,
    column: str,
    *,
    where: str,
    option: str = "label_column",
    as_written: bool = False,
) -> str:
    """The label (or the group) in a column: a text, a number, true or false.

    A whole number is written as one whatever its type: whole numbers become floats where a table
    has gaps. White space around a text is left out, unless it is wanted as written.

    Raises:
        DataError: there is no such column, or it is empty or of another kind.
    """
    value = _value(fields, column, option=option, where=where)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal) and isfinite(value):
        return str(int(value) if value == int(value) else value)
    if not isinstance(value, str | int) or not str(value).strip():
        raise DataError(f"{where}: {column!r} is {_kind(value)}; labels are text or numbers")
    text = str(value) if as_written else str(value).strip()
    return clean(text, where=where, errors="strict")


def json_rows(text: str, *, name: str) -> Iterator[Row]:
    """The rows of a JSON text, as of a .json file.

    Raises:
        DataError: it is neither JSON nor JSON lines.
    """
    has_lines = is_json_lines(text)
    for number, (place, value) in enumerate(json_values(text, name=name), start=1):
        fields = _object(value, where=f"{name}:{place}")
        yield Row(number, place if has_lines else None, fields)


def _object(value: object, *, where: str) -> Fields | DataError:
    if isinstance(value, dict | DataError):
        return value
    return DataError(f"{where}: expected an object {{...}}, found {type(value).__name__}")


def value_of(fields: Fields, column: str) -> object:
    """What a row has in a column, whose name may differ in case; `ABSENT` where it has none."""
    found = column if column in fields else matching(column, fields)
    return ABSENT if found is None else fields[found]


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing: null, a blank text, or the NaN that tables have in gaps."""
    if isinstance(value, float):
        return isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def _value(fields: Fields, column: str, *, option: str, where: str) -> object:
    value = value_of(fields, column)
    if value is ABSENT:
        raise no_column(fields, column, option=option, where=where)
    return value


def no_column(
    fields: Fields, column: str, *, option: str, where: str, meant: str | None = None
) -> DataError:
    """The error that a row, or a file with such rows, has no such column; as `missing_column`."""
    if fields.keys() >= QUESTION:
        return DataError(
            f"{where}: a question with candidates, where a text is needed. Only runs with "
            'data.set = "wikihop" answer it'
        )
    return missing_column(column, list(fields), option=option, where=where, meant=meant)


def _kind(value: object) -> str:
    return "empty" if value is None or value == "" else f"of type {type(value).__name__}"


def _jsonl(path: Path, errors: Errors, say: Say) -> Iterator[Row]:
    with opened(path) as stream:
        lines = each_line(stream, name=str(path), errors=errors, say=say)
        values = each_json_line(lines, name=str(path))
        for number, (line, value) in enumerate(values, start=1):
            yield Row(number, line, _object(value, where=f"{path}:{line}:1"))


def _json(path: Path, errors: Errors, say: Say) -> Iterator[Row]:
    with opened(path) as stream:
        text = read_text(stream, name=str(path), errors=errors, say=say)
    if text.strip():
        yield from json_rows(text, name=str(path))


def separator_in(path: Path) -> str:
    """What stands between the fields of a .csv or .tsv file.

    Raises:
        DataError: it cannot be read.
    """
    if path.suffix.lower() == ".tsv":
        return "\t"
    with opened(path) as stream:
        lines = each_line(stream, name=str(path), errors="replace", say=unsaid)
        return _separator(list(_head(line for _, line in lines)))


def _csv(path: Path, errors: Errors, say: Say) -> Iterator[Row]:
    with opened(path) as stream:
        lines = (line for _, line in each_line(stream, name=str(path), errors=errors, say=say))
        head = list(_head(lines))
        separator = _separator(head)
        if _named_by_excel(head):
            head[0] = ""  # blank, so that the lines behind it keep their numbers
        if separator != ",":
            say(f"looks {NAMES.get(separator, separator)}-separated, and is read so")
        yield from _parsed(chain(head, lines), path, separator)


def _tsv(path: Path, errors: Errors, say: Say) -> Iterator[Row]:
    with opened(path) as stream:
        lines = each_line(stream, name=str(path), errors=errors, say=say)
        yield from _parsed((line for _, line in lines), path, "\t")


def _named_by_excel(head: Sequence[str | DataError]) -> str | None:
    """The separator that a first line `sep=;` names, as Excel writes and reads it."""
    first = head[0] if head else ""
    found = _EXCEL.fullmatch(first) if isinstance(first, str) else None
    return found and found[1]


def _separator(head: Sequence[str | DataError]) -> str:
    if separator := _named_by_excel(head):
        return separator
    texts = [f"{line}\n" for line in head if isinstance(line, str)]
    is_whole = len(texts) == len(head) and sum(map(len, texts)) < HEAD_CHARACTERS
    csv.field_size_limit(sys.maxsize)
    return separator_of(texts, whole=is_whole)


def _head(lines: Iterator[str | DataError]) -> Iterator[str | DataError]:
    n_characters = 0
    for line in lines:
        yield line
        n_characters += HEAD_CHARACTERS if isinstance(line, DataError) else len(line) + 1
        if n_characters >= HEAD_CHARACTERS:
            return


def _parsed(lines: Iterable[str | DataError], path: Path, separator: str) -> Iterator[Row]:
    """The rows of the lines of a table."""
    csv.field_size_limit(sys.maxsize)  # the default refuses documents over 131,072 characters
    reader = csv.reader((f"{sound(line)}\n" for line in lines), delimiter=separator, strict=True)
    number, line = 0, 1
    try:
        header = _named(next(filter(None, reader), []))
        _check_header(header, separator, path)
        while True:
            line = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                return
            if row:
                number += 1
                yield Row(number, line, _fields(row, header, where=f"{path}:{line}"))
    except csv.Error as error:
        raise DataError(f"{path}:{line}: not CSV: {_advice(str(error), path)}") from None


def _advice(error: str, path: Path) -> str:
    """What the parser of CSV says, with what to do."""
    if error.startswith("new-line character"):
        file = shlex.quote(str(path))
        return (
            "a line ends in a carriage return alone, as on old Macs: "
            f"tr '\\r' '\\n' < {file} > lines{path.suffix}"
        )
    if "end of data" in error:
        return f'{error}. A quotation mark (") opens here and is not closed; one in a text is ""'
    return error


def _fields(row: list[str], header: list[str], *, where: str) -> Fields | DataError:
    if len(row) != len(header):
        return DataError(f"{where}: {len(row)} fields, the header has {len(header)}")
    return dict(zip(header, row, strict=True))


def _named(header: list[str]) -> list[str]:
    """The names of the columns; several blank ones, as of empty columns of a sheet, get numbers."""
    if header.count("") < 2:
        return header
    return [name or f"column_{number}" for number, name in enumerate(header, start=1)]


def _check_header(header: list[str], separator: str, path: Path) -> None:
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(f"{path}:1: a column name stands twice in the header, {quoted(twice)}")
    others = [other for other in NAMES if other != separator and other in "".join(header)]
    if len(header) == 1 and others and separator != ",":
        raise DataError(
            f"{path}:1: one column, {quoted(header[0])}. Is the file separated by {others[0]!r}? A "
            f"{path.suffix} file must have {separator!r} between its fields"
        )


def _parquet(path: Path, errors: Errors, say: Say) -> Iterator[Row]:
    import pyarrow as pa
    from pyarrow import parquet

    with opened(path) as stream:
        try:
            batches = parquet.ParquetFile(stream).iter_batches(batch_size=256)
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield Row(number, None, row)
        except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError) as error:
            raise CorruptFileError(f"{path}: not a readable parquet file: {error}") from error


_ROWS: dict[str, Callable[[Path, Errors, Say], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
}
