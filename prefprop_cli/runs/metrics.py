"""The rows that a run logs: JSON lines, and what tells that they are still those that were written.

Rows are appended as they come. Whenever the run is saved the manifest gets the `Seal` of the file,
the hash of all that is in it then; rows after the newest seal are of steps that no checkpoint has.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.plain import plain
from prefprop_cli.runs.atomic import Record, disk_errors, write_atomically

Seal = Record
"""`bytes`, a length, and the `sha256` of so many bytes of the file."""


@dataclass(frozen=True)
class MetricsFile:
    """A file of rows, each with its `step`, in order."""

    path: Path

    def append(self, row: Mapping[str, object]) -> None:
        """Append a row; a NaN or infinity, for which JSON has no word, becomes null."""
        line = json.dumps(plain(row), allow_nan=False).encode() + b"\n"
        with disk_errors(self.path, len(line)), open(self.path, "ab") as file:
            file.write(line)

    def rows(self, seal: Seal | None, *, ended: bool) -> list[tuple[bytes, Record]]:
        """Return each line and its row; a last line that a crash has torn is not one.

        The newest seal is None for what an earlier version of the program wrote; if the run has
        ended, nothing was written after it.

        Raises:
            CorruptFileError: the file is not what was sealed, or a line is not a JSON object.
        """
        data = self.path.read_bytes() if self.path.exists() else b""
        if seal is not None and seal_of(data[: len(data) if ended else seal["bytes"]]) != seal:
            raise CorruptFileError(
                f"{self.path} is damaged: it is not what was written. Put a copy of it in its "
                "place; without one, remove it, and the run is without its earlier rows"
            )
        *lines, _torn = data.split(b"\n")
        return [(line, self._row(number, line)) for number, line in enumerate(lines, start=1)]

    def until(self, step: int, seal: Seal | None) -> bytes:
        """Return the `rows` up to a step as they stand in the file; none if it was removed."""
        rows = self.rows(seal, ended=False) if self.path.exists() else ()
        return b"".join(line + b"\n" for line, row in rows if row.get("step", 0) <= step)

    def write(self, data: bytes) -> None:
        """Put rows in the place of all that is there."""
        if data or self.path.exists():
            write_atomically(self.path, data)

    def synced(self) -> bytes:
        """Return all that is in the file, which is on the disk by then."""
        if not self.path.exists():
            return b""
        with disk_errors(self.path), open(self.path, "rb") as file:
            os.fsync(file.fileno())
            return file.read()

    def _row(self, number: int, line: bytes) -> Record:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise CorruptFileError(f"{self.path}:{number} is damaged: not a JSON object")
        return row


def losses_of(rows: Iterable[Record]) -> list[float]:
    """Return the training loss of each step that was logged with a finite one."""
    return [float(row["loss"]) for row in rows if row.get("loss") is not None]


def seal_of(data: bytes) -> Seal:
    """Return the seal of a file that holds so much."""
    return {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
