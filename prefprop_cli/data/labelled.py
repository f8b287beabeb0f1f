"""A labelled copy of a table: its rows as they were read, each with what is added to it.

A copy is written to `NAME.part`, row by row, and takes its name when all rows are in it. What ends
before that leaves the part, which holds whole rows, and the file that had the name before.
"""

import csv
import fcntl
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self

from prefprop_cli.data.cells import Fields, as_json, as_text, encoded
from prefprop_cli.errors import PrefpropError, UsageError
from prefprop_cli.runs.atomic import disk_errors

ENDINGS = (".csv", ".jsonl", ".parquet")
SEEN_ROWS = 256
"""Of so many rows at a time the types of columns are found out."""


def part_of(path: Path) -> Path:
    """Return where the rows of a copy are until it is whole."""
    return path.with_name(f"{path.name}.part")


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
    """The columns of rows that are seen one by one; `with_types`, also what each of them holds."""

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


class LabelledCopy:
    """A file of rows that appears under its name when it is whole; a context manager.

    Its name ends in one of `ENDINGS`; the columns that are added stand behind those of the input.
    `types`, of .parquet columns, are those of Arrow or their names; text where none is given. With
    `force` the file, or a part that was left, is replaced.

    Raises:
        UsageError: without `force`, the file or a part of it is there.
        ResourceError: it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        columns: Iterable[str],
        added: Iterable[str],
        types: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> None:
        self.path, self.part = path, part_of(path)
        self._names = (*columns, *added)
        self._types, self._force = types or {}, force
        self._is_wanted = True
        # Rows that are whole and their bytes: set at once, since a signal may come in between.
        self._whole = (0, 0)
        self.left_out: dict[str, None] = {}

    @property
    def n_rows(self) -> int:
        """Rows that are whole."""
        return self._whole[0]

    def __enter__(self) -> Self:
        with disk_errors(self.part):
            self._file = self._opened()
            self._rows = self._writer()
        return self

    def write(self, fields: Fields) -> None:
        """Write one row; columns that were not announced are left out and noted in `left_out`.

        Raises:
            ResourceError: the disk is full.
        """
        self.left_out.update(dict.fromkeys(name for name in fields if name not in self._names))
        with disk_errors(self.part, self._file.tell()):
            self._rows.write({name: fields.get(name) for name in self._names})
            self._file.flush()  # what is killed leaves what it told of
        self._whole = (self.n_rows + 1, self._file.tell())

    def discard(self) -> None:
        """Leave nothing of it when it ends, and the file that has its name."""
        self._is_wanted, self._whole = False, (0, 0)

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None or not self._is_wanted:
            self._give_up()
            return
        with disk_errors(self.path, self._file.tell()):
            try:
                self._end()
            except OSError:
                self._give_up()
                raise
            self._take_name()

    def _opened(self) -> BinaryIO:
        if self._force:
            with suppress(FileNotFoundError), self.part.open("rb") as left:
                try:
                    fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise UsageError(
                        f"{self.part}: another predict is writing it. Wait for it, or name another "
                        "file"
                    ) from None
                self.part.unlink()
        try:
            # "x": of two that begin at once one is refused.
            file = self.part.open("xb")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except FileExistsError:
            raise UsageError(
                f"{self.part} is there, which another predict is writing or has left. Remove it, "
                "or replace it with --force"
            ) from None

    def _writer(self) -> "_Rows":
        if self.path.suffix == ".parquet":
            from prefprop_cli.data.parquet_copy import ParquetRows

            return ParquetRows(self._file, self._names, self._types)
        if self.path.suffix == ".jsonl":
            return _Lines(self._file, as_json)
        rows = _Lines(self._file, _csv)
        rows.write({name: name for name in self._names})
        return rows

    def _end(self) -> None:
        with self._file:
            self._rows.close()
            self._file.flush()
            os.fsync(self._file.fileno())

    def _give_up(self) -> None:
        is_parquet = self.path.suffix == ".parquet"
        try:
            self._end()
        except (OSError, ValueError):  # of the same disk, which was told of already
            if is_parquet:  # without its end none can be read
                self._whole = (0, 0)
        if not is_parquet:
            os.truncate(self.part, self._whole[1])
        if not self.n_rows:
            self.part.unlink(missing_ok=True)

    def _take_name(self) -> None:
        if self._force:
            os.replace(self.part, self.path)
            return
        try:
            os.link(self.part, self.path)  # which, other than to rename, replaces nothing
        except FileExistsError:
            raise PrefpropError(
                f"{self.path} has come to be meanwhile and is left as it is; the rows are in "
                f"{self.part}"
            ) from None
        except OSError:  # a disk without links
            os.rename(self.part, self.path)
        else:
            self.part.unlink()


class _Rows(Protocol):
    """Rows on their way to a file."""

    def write(self, row: Fields) -> None: ...
    def close(self) -> None: ...


class _Lines:
    """Rows that are a line of text each."""

    def __init__(self, file: BinaryIO, line: Callable[[Fields], str]) -> None:
        self._file, self._line = file, line

    def write(self, row: Fields) -> None:
        self._file.write(encoded(self._line(row) + "\n"))

    def close(self) -> None: ...


def _csv(row: Fields) -> str:
    line = StringIO(newline="")
    # To end a line so has both characters quoted inside of a field; only \n is written.
    csv.writer(line, lineterminator="\r\n").writerow([*map(as_text, row.values())])
    return line.getvalue().removesuffix("\r\n")
