"""Rows of JSON, .csv, .tsv and .parquet files, one at a time, each defect named with its line."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from math import isfinite
from pathlib import Path

from prefprop_cli.data.decoding import Errors, clean, opened, read_lines, read_text
from prefprop_cli.errors import CorruptFileError, DataError

JSON_LINES = (".jsonl", ".ndjson")
JSON_SUFFIXES = (*JSON_LINES, ".json")
SUFFIXES = (*JSON_SUFFIXES, ".csv", ".tsv", ".parquet")
SEPARATORS = ",;\t|"
QUESTION = {"query", "candidates", "supports"}
Fields = dict[str, object]


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
    empty = True
    for number, fields in _ROWS[path.suffix.lower()](path, errors):
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
    """The label (or the group) in a column: a text, a number, true or false.

    A whole number is written as one whatever its type: whole numbers become floats where a table
    has gaps.

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


def json_values(text: str, *, name: str) -> Iterator[tuple[int, object]]:
    """(number from 1, value) of the items of a list, of one other value, or of JSON lines.

    Raises:
        DataError: it is no JSON.
    """
    if is_json_lines(text):
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield number, parse_json(line, name=name, line=number)
    else:
        value = parse_json(text, name=name)
        yield from enumerate(value if isinstance(value, list) else [value], start=1)


def is_json_lines(text: str) -> bool:
    """Whether a text begins with a line that is an object, and has more behind it."""
    first, _, others = text.lstrip().partition("\n")
    return bool(others.strip()) and _begins_with_object(first, whole=True)


def holds_json_rows(text: str) -> bool:
    """Whether a text of unknown kind begins as rows in JSON: with an object or a list of them."""
    return _begins_with_object(text.lstrip().removeprefix("[").lstrip(), whole=False)


def json_rows(text: str, *, name: str) -> Iterator[tuple[int, Fields]]:
    """The rows of a JSON text, as `read_records` of a .json file.

    Raises:
        DataError: it is no JSON, or a value is no object.
    """
    for number, value in json_values(text, name=name):
        if not isinstance(value, dict):
            found = type(value).__name__
            raise DataError(f"{name}:{number}: expected an object {{...}}, found {found}")
        yield number, value


def _begins_with_object(text: str, *, whole: bool) -> bool:
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not (whole and text[end:].strip())


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


def _jsonl(path: Path, errors: Errors) -> Iterator[tuple[int, Fields]]:
    with opened(path) as stream:
        for number, line in read_lines(stream, name=str(path), errors=errors):
            if line.strip():
                value = parse_json(line, name=str(path), line=number)
                if not isinstance(value, dict):
                    found = type(value).__name__
                    raise DataError(f"{path}:{number}:1: expected an object {{...}}, found {found}")
                yield number, value


def _json(path: Path, errors: Errors) -> Iterator[tuple[int, Fields]]:
    with opened(path) as stream:
        text = read_text(stream, name=str(path), errors=errors)
    if text.strip():
        yield from json_rows(text, name=str(path))


def _unique(pairs: list[tuple[str, object]]) -> Fields:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("the same key twice in one object")
    return fields


def _csv(path: Path, errors: Errors, separator: str = ",") -> Iterator[tuple[int, Fields]]:
    csv.field_size_limit(sys.maxsize)  # the default refuses documents over 131,072 characters
    with opened(path) as stream:
        lines = (line + "\n" for _, line in read_lines(stream, name=str(path), errors=errors))
        reader = csv.reader(lines, delimiter=separator, strict=True)
        try:
            header = next(reader, [])
            _check_header(header, separator, path)
            for row in filter(None, reader):
                if len(row) != len(header):
                    raise DataError(
                        f"{path}:{reader.line_num}: {len(row)} fields, the header has {len(header)}"
                    )
                yield reader.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from None


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
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise CorruptFileError(f"{path}: not a readable parquet file: {error}") from error


_ROWS: dict[str, Callable[[Path, Errors], Iterator[tuple[int, Fields]]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": partial(_csv, separator="\t"),
    ".parquet": _parquet,
}
