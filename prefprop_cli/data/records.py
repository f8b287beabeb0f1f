"""Rows of JSON, .csv, .tsv and .parquet files, one at a time, each defect named with its line."""

import csv
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from math import isfinite
from pathlib import Path

from prefprop_cli.data.decoding import (
    Errors,
    clean,
    each_line,
    opened,
    read_lines,
    read_text,
    sound,
)
from prefprop_cli.data.json_text import each_json_line, json_values
from prefprop_cli.errors import CorruptFileError, DataError

JSON_LINES = (".jsonl", ".ndjson")
JSON_SUFFIXES = (*JSON_LINES, ".json")
SUFFIXES = (*JSON_SUFFIXES, ".csv", ".tsv", ".parquet")
SEPARATORS = ",;\t|"
QUESTION = {"query", "candidates", "supports"}
Fields = dict[str, object]
Row = Fields | DataError


def is_table(path: Path) -> bool:
    """Whether a file holds rows, by its ending, in upper or lower case."""
    return path.suffix.lower() in SUFFIXES


def read_records(path: Path, *, errors: Errors = "strict") -> Iterator[tuple[int, Fields]]:
    """(line, or row of a .parquet file or of a JSON list, from 1; column -> value) of each row.

    A .json file is a list of objects, one object, or an object on each line. A .tsv file has tabs
    between its fields and quotes as a .csv file.

    Raises:
        DataError: the file is missing, empty or not what its ending says.
        CorruptFileError: a .parquet file that is damaged.
    """
    for number, row in each_row(path, errors=errors):
        yield number, sound(row)


def each_row(path: Path, *, errors: Errors = "strict") -> Iterator[tuple[int, Row]]:
    """The same, where a row that cannot be read is the error and the others follow.

    Raises:
        DataError, CorruptFileError: as `read_records`, where nothing can be read any more.
    """
    empty = True
    for number, row in _ROWS[path.suffix.lower()](path, errors):
        empty = False
        yield number, row
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


def json_rows(text: str, *, name: str) -> Iterator[tuple[int, Row]]:
    """The rows of a JSON text, as of a .json file.

    Raises:
        DataError: it is neither JSON nor JSON lines.
    """
    for number, value in json_values(text, name=name):
        yield number, _row(value, where=f"{name}:{number}")


def _row(value: object, *, where: str) -> Row:
    if isinstance(value, dict | DataError):
        return value
    return DataError(f"{where}: expected an object {{...}}, found {type(value).__name__}")


def _value(fields: Fields, column: str, *, option: str, where: str) -> object:
    if column in fields:
        return fields[column]
    if fields.keys() >= QUESTION:
        raise DataError(
            f"{where}: a question with candidates, where a text is needed. Only runs with "
            'data.set = "wikihop" answer it'
        )
    found = ", ".join(map(repr, fields)) or "none"
    flag = f"; in predict and eval: --{option.replace('_', '-')}"
    raise DataError(
        f"{where}: no column {column!r}; found {found}. Set data.{option}"
        f"{'' if option == 'group_column' else flag}"
    )


def _kind(value: object) -> str:
    return "empty" if value is None or value == "" else f"of type {type(value).__name__}"


def _jsonl(path: Path, errors: Errors) -> Iterator[tuple[int, Row]]:
    with opened(path) as stream:
        lines = each_line(stream, name=str(path), errors=errors)
        for number, value in each_json_line(lines, name=str(path)):
            yield number, _row(value, where=f"{path}:{number}:1")


def _json(path: Path, errors: Errors) -> Iterator[tuple[int, Row]]:
    with opened(path) as stream:
        text = read_text(stream, name=str(path), errors=errors)
    if text.strip():
        yield from json_rows(text, name=str(path))


def _csv(path: Path, errors: Errors, separator: str = ",") -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(sys.maxsize)  # the default refuses documents over 131,072 characters
    with opened(path) as stream:
        lines = (line + "\n" for _, line in read_lines(stream, name=str(path), errors=errors))
        reader = csv.reader(lines, delimiter=separator, strict=True)
        try:
            header = next(reader, [])
            _check_header(header, separator, path)
            for row in filter(None, reader):
                yield reader.line_num, _fields(row, header, where=f"{path}:{reader.line_num}")
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _fields(row: list[str], header: list[str], *, where: str) -> Row:
    if len(row) != len(header):
        return DataError(f"{where}: {len(row)} fields, the header has {len(header)}")
    return dict(zip(header, row, strict=True))


def _check_header(header: list[str], separator: str, path: Path) -> None:
    if len(set(header)) < len(header):
        raise DataError(f"{path}:1: a column name stands twice in the header")
    others = [other for other in SEPARATORS if other != separator and other in "".join(header)]
    if len(header) == 1 and others:
        raise DataError(
            f"{path}:1: one column, {header[0]!r}. Is the file separated by {others[0]!r}? A "
            f"{path.suffix} file must have {separator!r} between its fields"
        )


def _parquet(path: Path, errors: Errors) -> Iterator[tuple[int, Fields]]:
    import pyarrow as pa
    from pyarrow import parquet

    with opened(path) as stream:
        try:
            batches = parquet.ParquetFile(stream).iter_batches(batch_size=256)
            rows = (row for batch in batches for row in batch.to_pylist())
            yield from enumerate(rows, start=1)
        except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError) as error:
            raise CorruptFileError(f"{path}: not a readable parquet file: {error}") from error


_ROWS: dict[str, Callable[[Path, Errors], Iterator[tuple[int, Row]]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": partial(_csv, separator="\t"),
    ".parquet": _parquet,
}
