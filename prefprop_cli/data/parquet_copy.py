"""Rows on their way to a .parquet file, and the types of its columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from prefprop_cli.data.cells import Fields, as_text, encoded

GROUP_ROWS, GROUP_BYTES = 4096, 2**24
"""So much is kept in memory before it goes to the file as one row group."""
_FAILED = (pa.ArrowException, OverflowError)


class ParquetRows:
    """A writer of rows; a value that is not of the type of its column becomes null.

    Types are those of Arrow or their names; a column without one holds text.
    """

    def __init__(self, file: BinaryIO, names: Sequence[str], types: Mapping[str, Any]) -> None:
        self._schema = pa.schema([(name, _known_type(types.get(name))) for name in names])
        self._writer = parquet.ParquetWriter(file, self._schema)
        self._rows: list[Fields] = []
        self._n_bytes = 0

    def write(self, row: Fields) -> None:
        self._rows.append(row)
        self._n_bytes += sum(map(_size, row.values()))
        if len(self._rows) == GROUP_ROWS or self._n_bytes > GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        if self._rows:
            columns = [_array([r[f.name] for r in self._rows], f.type) for f in self._schema]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self._rows, self._n_bytes = [], 0


def parquet_types(path: Path) -> dict[str, Any]:
    """Return the Arrow types of the columns of a file, as far as its values can be written so.

    Raises:
        OSError, pyarrow.ArrowException: it cannot be read.
    """
    with parquet.ParquetFile(path) as file:
        rows = next(file.iter_batches(batch_size=256), None)
        types = {field.name: field.type for field in file.schema_arrow}
    if rows is None:
        return types
    for name, type_ in types.items():
        values = rows.column(name).to_pylist()
        try:
            pa.array(values, type_)
        except _FAILED:
            types[name] = type_of(values)
    return types


def type_of(values: Sequence[object]) -> Any:
    """Return the Arrow type that values have in common; text if they have none."""
    try:
        return pa.array(values).type
    except _FAILED:
        return pa.string()


def common_type(one: Any, other: Any) -> Any:
    """Return the Arrow type that holds what both do."""
    schemas = [pa.schema([("it", each)]) for each in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field("it").type
    except pa.ArrowException:
        return pa.string()


def _known_type(type_: Any) -> Any:
    """A type by its name or as it is; text where there were no values to know it by."""
    if isinstance(type_, str):
        return pa.type_for_alias(type_)
    return pa.string() if type_ is None or pa.types.is_null(type_) else type_


def _array(values: Sequence[object], type_: Any) -> Any:
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return pa.array([v if v is None else encoded(as_text(v)).decode() for v in values], type_)
    try:
        return pa.array(values, type_)
    except _FAILED:
        if len(values) == 1:
            return pa.nulls(1, type_)
        return pa.concat_arrays([_array([value], type_) for value in values])


def _size(value: object) -> int:
    """About how many bytes a value takes."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return _size([*value.values()])
    return sum(map(_size, value)) if isinstance(value, list) else 8
