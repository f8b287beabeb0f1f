"""Rows of a hub data set as documents, with the names of their classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan

import datasets

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.sets.common import document_of
from prefprop_cli.data.table_rows import Fields, label_of
from prefprop_cli.errors import DataError

NO_LABEL = -1
"""What hub data sets put where a label is not given, as null says, too."""


@dataclass(frozen=True)
class Part:
    """The documents of one split.

    Attributes:
        documents: those with a label.
        unlabelled: names of the rows without one.
    """

    documents: list[Document]
    unlabelled: list[str]


def read_part(rows: datasets.Dataset, source: str, table: DataTable) -> Part:
    """The rows of a split, each called `source:number`.

    Raises:
        DataError: a column is missing or of another kind, or a label is none of the classes.
    """
    names = class_names(rows, source, table)
    columns = [table.text_column, table.label_column, *filter(None, [table.group_column])]
    if {*columns} <= {*rows.column_names}:
        rows = rows.select_columns(columns)  # others may be pictures, and slow to decode
    part = Part([], [])
    for where, row in _numbered(rows, source):
        label = row.get(table.label_column, "")
        if _is_missing(label) or (names and label == NO_LABEL):
            part.unlabelled.append(where)
        else:
            named = {table.label_column: _name(label, names, where=where)} if names else {}
            part.documents.append(document_of(row | named, table, id=where, where=where))
    return part


def class_names(rows: datasets.Dataset, source: str, table: DataTable) -> tuple[str, ...]:
    """The name of each class by its number, where the data set states them; one may stand twice.

    Raises:
        DataError: the column holds several labels, or something else that is no class.
    """
    column = table.label_column
    feature = rows.features.get(column)
    if isinstance(feature, datasets.ClassLabel):
        return tuple(
            label_of({column: name}, column, where=f"{source}: name of class {number}")
            for number, name in enumerate(feature.names)
        )
    if feature is not None and not isinstance(feature, datasets.Value):
        raise DataError(
            f"{source}: {column!r} is {feature}, and a document has one class here, not several. "
            "Name another column with data.label_column"
        )
    return ()


def _is_missing(label: object) -> bool:
    # Whole numbers become floats where a table has gaps, and the gaps NaN.
    return label is None or (isinstance(label, float) and isnan(label))


def _name(label: object, names: tuple[str, ...], *, where: str) -> str:
    if not isinstance(label, int) or not 0 <= label < len(names):
        raise DataError(
            f"{where}: label {label}, and the data set names {len(names)} classes, 0 to "
            f"{len(names) - 1}; {NO_LABEL} or null stand for no label"
        )
    return names[label]


def _numbered(rows: datasets.Dataset, source: str) -> Iterator[tuple[str, Fields]]:
    for number, row in enumerate(rows, start=1):
        yield f"{source}:{number}", row
