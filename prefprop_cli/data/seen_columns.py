"""The columns of the rows that a labelled copy will have."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from prefprop_cli.data.cells import Fields

SEEN_ROWS = 256
"""Of so many rows at a time the types of columns are found out."""


def free_names(wanted: Iterable[str], *, taken: Collection[str]) -> dict[str, str]:
    """Name new columns as wanted, with `_new` behind a name that is taken."""
    names: dict[str, str] = {}
    for name in wanted:
        free = name
        while free in taken or free in names.values():
            free += "_new"
        names[name] = free
    return names


class SeenColumns:
    """The columns of rows that are seen one by one, in the order in which they come.

    Args:
        with_types: whether to find out, too, what each of them holds.
    """

    def __init__(self, *, with_types: bool = False) -> None:
        self.names: dict[str, None] = {}
        self.with_types = with_types
        self._types: dict[str, Any] = {}
        self._rows: list[Fields] = []

    def see(self, fields: Fields) -> None:
        """Take a row into account."""
        self.names.update(dict.fromkeys(fields))
        if self.with_types:
            # Long texts need not be kept to know that they are texts.
            self._rows.append({k: "" if isinstance(v, str) else v for k, v in fields.items()})
            if len(self._rows) == SEEN_ROWS:
                self.types()

    def see_typed(self, types: Mapping[str, Any]) -> None:
        """Take rows into account whose columns have Arrow types of their own."""
        self.names.update(dict.fromkeys(types))
        for name, found in types.items():
            if name in self._types:
                from prefprop_cli.data.parquet_copy import common_type

                found = common_type(self._types[name], found)
            self._types[name] = found

    def types(self) -> dict[str, Any]:
        """Return the Arrow type of each column: text where values have nothing else in common."""
        rows, self._rows = self._rows, []
        if rows:
            from prefprop_cli.data.parquet_copy import type_of

            self.see_typed({name: type_of([row.get(name) for row in rows]) for name in self.names})
        return self._types
