"""Rows of .jsonl, .csv and .parquet files, one at a time, each defect named with its line."""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from prefprop_cli.data.decoding import Errors, clean, opened, read_lines
from prefprop_cli.errors import CorruptFileError, DataError

SUFFIXES = (".jsonl", ".csv", ".parquet")
Fields = dict[str, object]


def read_records(path: Path, *, errors: Errors = "strict") -> Iterator[tuple[int, Fields]]:
    """(line, or row of a .parquet file, from 1; column -> value) of each row.

    Raises:
        DataError: the file is missing, empty or not what its ending says.
        CorruptFileError: a .parquet file that is damaged.
    """
    rows = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[path.suffix.lower()](path, errors)
    empty = True
    for number, fields in rows:
        empty = False
        yield number, fields
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


def label_of(fields: Fields, column: str, *, where: str, option: str = "label_column") -> str:
    """The label (or the group) in a column: a text, a whole number, true or false.

    Raises:
        DataError: there is no such column, or it is empty or of another kind.
    """
    value = _value(fields, column, option=option, where=where)
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int) or not str(value).strip():
        raise DataError(f"{where}: {column!r} is {_kind(value)}; labels are text or whole numbers")
    return clean(str(value).strip(), where=where, errors="strict")


def parse_json(text: str, *, name: str, line: int = 1) -> object:
    """The value that a JSON text holds; a key may stand once in an object.

    Args:
        text: one JSON value.
        name: of its file, for the message.
        line: where in the file the text starts.

    Raises:
        DataError: it is no JSON, with line and column.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        place = f"{name}:{line + error.lineno - 1}:{error.colno}"
        raise DataError(f"{place}: not JSON: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{name}:{line}:1: nested too deeply") from None
    except ValueError as error:
        raise DataError(f"{name}:{line}:1: {error}") from None


def _value(fields: Fields, column: str, *, option: str, where: str) -> object:
    if column not in fields:
        found = ", ".join(map(repr, fields)) or "none"
        raise DataError(f"{where}: no column {column!r}; found {found}. Set data.{option}")
    return fields[column]


def _kind(value: object) -> str:
    return "empty" if value is None or value == "" else f"of type {type(value).__name__}"


def _jsonl(path: Path, errors: Errors) -> Iterator[tuple[int, Fields]]:
    with opened(path) as stream:
        for number, line in read_lines(stream, name=str(path), errors=errors):
            if line.strip():
                value = parse_json(line, name=str(path), line=number)
                if not isinstance(value, dict):
                    found = type(value).__name__
                    raise DataError(f"{path}:{number}:1: expected an object {{...}}, found {found}")
                yield number, value


def _unique(pairs: list[tuple[str, object]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("the same key twice in one object")
    return fields


def _csv(path: Path, errors: Errors) -> Iterator[tuple[int, Fields]]:
    csv.field_size_limit(sys.maxsize)  # the default refuses documents over 131,072 characters
    with opened(path) as stream:
        lines = (line + "\n" for _, line in read_lines(stream, name=str(path), errors=errors))
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, [])
            if len(set(header)) < len(header):
                raise DataError(f"{path}:1: a column name stands twice in the header")
            for row in filter(None, reader):
                if len(row) != len(header):
                    raise DataError(
                        f"{path}:{reader.line_num}: {len(row)} fields, the header has {len(header)}"
                    )
                yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from None


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
