"""Documents to be predicted: of files, folders and standard input, in order."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import IO, BinaryIO, cast

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.kinds import documents_below
from prefprop_cli.data.labelled import SeenColumns
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.errors import CorruptFileError, DataError, PrefpropError
from prefprop_cli.notes import Note, heard_by, note
from prefprop_cli.tables import Errors
from prefprop_cli.words import listed

COUNTED_BYTES = 2**28
"""Larger tables are not read only to know how many documents there are."""
KEPT_BYTES = 2**24
"""What is longer is kept on the disk."""
STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Reading:
    """How inputs are read."""

    lines: bool = False
    """Each line is a document."""
    errors: Errors = "strict"
    """What to do with bytes that are no text."""
    text_column: str | None = None
    """The column that the user names; None for that of the run, or one like it."""


@dataclass(frozen=True)
class Reader:
    """How files of one kind, texts or questions, are read."""

    read: Callable[[Path | BinaryIO], Iterator[TextRecord]]
    suffixes: Sequence[str]
    """Of the files in a folder that are read."""
    holds_rows: Callable[[Path], bool]
    """Whether a file of that name may hold several documents."""

    def records(self, source: str, *, stream: IO[bytes] | None = None) -> Iterator[TextRecord]:
        """Read a file, or `-` from a stream or the standard input; failures in their places."""
        standard = cast("BinaryIO", stream or sys.stdin.buffer)
        try:
            for record in self.read(standard if source == STANDARD_INPUT else Path(source)):
                found = record.found
                if isinstance(found, Document) and not found.text.strip():
                    found = DataError(f"{record.id}: the document is empty")
                yield replace(record, found=found)
        except (DataError, CorruptFileError) as error:
            yield failure(source, error)


class Inputs:
    """The documents of files, folders and standard input (`-`), in order.

    A folder in which there are files of other kinds is a note. The file `without` is not read
    where a folder holds it.
    """

    def __init__(
        self, sources: Sequence[str], reader: Reader, *, without: Path | None = None
    ) -> None:
        self._sources, self._reader = sources, reader
        self._without = without and without.resolve()
        self._kept: IO[bytes] | None = None
        self._begun: dict[str, Iterator[TextRecord]] = {}

    def records(self) -> Generator[TextRecord]:
        """The documents, and failures in their places."""
        with self._kept or nullcontext():
            yield from self._records(self._parts)

    def survey(self, columns: SeenColumns | None = None) -> int | None:
        """Count the documents before the work; None if that takes to read them, or to wait.

        `columns` takes in every column, for which standard input is kept aside; without it, large
        tables are not read.
        """
        if columns is not None and STANDARD_INPUT in self._parts:
            self._kept = tempfile.SpooledTemporaryFile(KEPT_BYTES)  # noqa: SIM115 - gone with us
            shutil.copyfileobj(sys.stdin.buffer, self._kept)
        names = [part for part in self._parts if isinstance(part, str)]
        tables = [n for n in names if n == STANDARD_INPUT or self._reader.holds_rows(Path(n))]
        known = [name for name in tables if self._can_be_read_twice(name)]
        sizes = (os.path.getsize(name) for name in known if os.path.isfile(name))
        is_large = sum(sizes) > COUNTED_BYTES
        if columns is None and (is_large or len(known) < len(tables)):
            return None
        n_documents = len(self._parts) - len(tables)
        with heard_by(None):  # all will be read, and told of, again
            for name in known:
                types = _types_of(name) if columns is not None and columns.with_types else {}
                for record in self._records([name]):
                    n_documents += 1
                    if columns is not None and not types:
                        columns.see(copied_fields(record))
                if columns is not None:
                    columns.see_typed(types)
        if columns is None or len(known) == len(tables):
            return n_documents
        for name in tables:
            if name not in known:  # the columns of its first row, which is given again
                records = self._reader.records(name)
                first = list(islice(records, 1))
                for record in first:
                    columns.see(copied_fields(record))
                self._begun[name] = chain(first, records)
        return None

    @cached_property
    def _parts(self) -> Sequence[str | TextRecord]:
        """Names of files, and failures in the places of what is none."""
        parts: list[str | TextRecord] = []
        for source in self._sources:
            try:
                parts += self._files_of(source)
            except DataError as error:
                parts.append(failure(source, error))
        return parts

    def _files_of(self, source: str) -> Sequence[str]:
        if not source:  # which as a path is the folder we are in
            raise DataError("a document with an empty name. Is a variable of the shell unset?")
        if source == STANDARD_INPUT or not os.path.isdir(source):  # no error, whatever the name
            return [source]
        folder = Path(source)
        files, others = documents_below(folder, suffixes=self._reader.suffixes)
        if others:
            named = listed([str(path.relative_to(folder)) for path in others])
            left_out = f"{folder}: files of other kinds are left out: {len(others)} ({named})"
            note(Note(left_out, "warning"))
        return [str(file) for file in files if file.resolve() != self._without]

    def _records(self, parts: Sequence[str | TextRecord]) -> Iterator[TextRecord]:
        if self._kept is not None:
            self._kept.seek(0)
        for part in parts:
            if isinstance(part, TextRecord):
                yield part
            elif part in self._begun:
                yield from self._begun.pop(part)
            else:
                yield from self._reader.records(part, stream=self._kept)

    def _can_be_read_twice(self, name: str) -> bool:
        if name == STANDARD_INPUT:
            return self._kept is not None
        return os.path.isfile(name) or not os.path.exists(name)


def _types_of(name: str) -> Mapping[str, object]:
    """The types that the columns of a file have; none where it says none, or is damaged."""
    if not name.lower().endswith(".parquet"):
        return {}
    import pyarrow as pa

    from prefprop_cli.data.parquet_copy import parquet_types

    try:
        return parquet_types(Path(name))
    except (OSError, pa.ArrowException):  # which its rows tell of
        return {}


def copied_fields(record: TextRecord) -> Mapping[str, object]:
    """What a labelled copy has of a document: its columns, or the text that is in no file."""
    is_in_no_file = record.row is not None or record.file == STANDARD_INPUT
    if record.fields or not (is_in_no_file and isinstance(record.found, Document)):
        return record.fields
    return {"text": record.found.text}


def failure(source: str, error: PrefpropError) -> TextRecord:
    """The record of a file that cannot be read."""
    return TextRecord(source, error, source)
