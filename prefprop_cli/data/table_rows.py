"""Rows of JSON, .csv, .tsv and .parquet files, one at a time, each defect named with its line."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from prefprop_cli.data.cells import Fields
from prefprop_cli.data.csv_rows import each_csv_row
from prefprop_cli.data.decoding import Say, each_line, opened, read_text
from prefprop_cli.data.json_text import each_json_line, json_values
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.notes import note
from prefprop_cli.tables import Errors

JSON_LINES = (".jsonl", ".ndjson")
JSON_SUFFIXES = (*JSON_LINES, ".json")
SUFFIXES = (*JSON_SUFFIXES, ".csv", ".tsv", ".parquet")


class TableRow(NamedTuple):
    """One row of a file."""

    number: int
    """From 1; neither the header nor blank lines count."""
    line: int | None
    """On which it begins, from 1; None where a file has no lines: .parquet, or a list in JSON."""
    fields: Fields | DataError
    """Column -> value, or why the row cannot be read."""

    @property
    def place(self) -> int:
        """Names the row in its file: its line, or its number where there are no lines."""
        return self.number if self.line is None else self.line


def is_table(path: Path) -> bool:
    """Tell by its ending, in upper or lower case, whether a file holds rows."""
    return path.suffix.lower() in SUFFIXES


def each_row(path: Path, *, errors: Errors = "strict", say: Say = note) -> Iterator[TableRow]:
    """Read the rows of a file; one that cannot be read holds the error, and the others follow.

    A .json file is a list of objects, one object, or an object on each line. A .tsv file has tabs
    between its fields and quotes as a .csv file; what a .csv file has is found out.

    `is_table` holds for the file; `say` hears of an encoding or a separator that is not the usual.

    Raises:
        DataError: the file is missing, empty or not what its ending says.
        CorruptFileError: a .parquet file that is damaged.
    """
    rows = _READERS[path.suffix.lower()](path, errors, lambda text: say(f"{path.name}: {text}"))
    number = 0
    for number, (line, fields) in enumerate(rows, start=1):
        yield TableRow(number, line, fields)
    if not number:
        raise DataError(f"{path}: the file holds no documents")


def json_rows(text: str, *, name: str) -> Iterator[TableRow]:
    """Read the rows of a JSON text, as of a .json file."""
    for number, (line, fields) in enumerate(_json_objects(text, name), start=1):
        yield TableRow(number, line, fields)


_Rows = Iterator[tuple[int | None, Fields | DataError]]
"""(line, fields) of each row."""


def _json_objects(text: str, name: str) -> _Rows:
    values, has_lines = json_values(text, name=name)
    for place, value in values:
        yield place if has_lines else None, _object(value, where=f"{name}:{place}")


def _object(value: object, *, where: str) -> Fields | DataError:
    if isinstance(value, dict | DataError):
        return value
    return DataError(f"{where}: expected an object {{...}}, found {type(value).__name__}")


def _jsonl(path: Path, errors: Errors, say: Say) -> _Rows:
    with opened(path) as stream:
        lines = each_line(stream, name=str(path), errors=errors, say=say)
        for line, value in each_json_line(lines, name=str(path)):
            yield line, _object(value, where=f"{path}:{line}:1")


def _json(path: Path, errors: Errors, say: Say) -> _Rows:
    with opened(path) as stream:
        text = read_text(stream, name=str(path), errors=errors, say=say)
    if text.strip():
        yield from _json_objects(text, str(path))


def _parquet(path: Path, errors: Errors, say: Say) -> _Rows:
    import pyarrow as pa
    from pyarrow import parquet

    with opened(path) as stream:
        try:
            for batch in parquet.ParquetFile(stream).iter_batches(batch_size=256):
                for row in batch.to_pylist():
                    yield None, row
        except (pa.ArrowException, OSError, OverflowError, UnicodeDecodeError) as error:
            raise CorruptFileError(f"{path}: not a readable parquet file: {error}") from error


_READERS: dict[str, Callable[[Path, Errors, Say], _Rows]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": each_csv_row,
    ".tsv": each_csv_row,
    ".parquet": _parquet,
}
