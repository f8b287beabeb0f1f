"""Run folders: layout, manifest, metrics and the lock.

```
runs/demo-20261121-093000/
  manifest.json     status, command, versions, times; sealed with the SHA-256 of itself
  config.toml       the resolved configuration: `prefprop train -p RUN/config.toml` repeats the run
  metrics.jsonl     one JSON object per line, each with its `step`
  train.log
  checkpoints/  adapter/  eval/  calibration/
  .lock             held by the one process that writes
```

Readers need no lock: everything but the log is replaced as a whole or appended by whole lines.
"""

import fcntl
import json
import math
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prefprop_cli.atomic import (
    Record,
    disk_errors,
    make_folder,
    read_sealed,
    read_verified,
    remove_folder,
    remove_leftovers,
    save_folder,
    seal,
    verify_folder,
    write_atomically,
)
from prefprop_cli.errors import CorruptFileError, ResourceError, RunLockedError, UsageError
from prefprop_cli.provenance import SCHEMA_VERSION, now, run_manifest

__all__ = [
    "Record",
    "RunFolder",
    "Status",
    "newest_run",
    "read_verified",
    "remove_folder",
    "resolve_run",
    "run_manifest",
    "save_folder",
    "verify_folder",
    "write_atomically",
]

Status = Literal["running", "finished", "interrupted", "failed"]


@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one run."""

    path: Path

    @classmethod
    def create(cls, parent: Path, name: str) -> "RunFolder":
        """Make a new folder `parent/name-<date>-<time>`; a second one in a second gets a suffix.

        Raises:
            ResourceError: the folder cannot be made.
        """
        plain = re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip(".-")[:80] or "run"
        stem = f"{plain}-{time.strftime('%Y%m%d-%H%M%S')}"
        make_folder(parent)
        for suffix in ("", *(f"-{number}" for number in range(2, 1000))):
            run = cls(parent / (stem + suffix))
            with disk_errors(run.path), suppress(FileExistsError):
                run.path.mkdir()
                return run.begin()
        raise ResourceError(f"{parent} holds 999 folders named {stem}")

    @classmethod
    def create_at(cls, path: Path) -> "RunFolder":
        """Make a new run of exactly this folder, which must be empty or missing.

        Raises:
            UsageError: something is there.
            ResourceError: the folder cannot be made.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path} is there already; name a new folder, or `--resume {path}`")
        make_folder(path)
        return cls(path).begin()

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open the folder of an earlier run.

        Raises:
            UsageError: the path is not there or is not a run folder.
            CorruptFileError: its manifest is damaged, or of a newer version of this program.
        """
        advice = "Name a folder that `prefprop train` printed"
        if not os.path.lexists(path):
            raise UsageError(f"{path} does not exist. {advice}")
        if not os.path.isfile(path / "manifest.json"):
            raise UsageError(f"{path} is not a run folder: it has no manifest.json. {advice}")
        run = cls(path)
        version = run.manifest.get("schema_version")
        if version != SCHEMA_VERSION:
            raise CorruptFileError(
                f"{path / 'manifest.json'} has schema version {version}, this program reads "
                f"{SCHEMA_VERSION}; use the version of prefprop that wrote it"
            )
        return run

    def begin(self) -> "RunFolder":
        """Write the first manifest, unless there is one, into a folder that is there.

        Raises:
            ResourceError: it cannot be written.
        """
        if not (self.path / "manifest.json").exists():
            record = {"schema_version": SCHEMA_VERSION, "status": "running", "started": now()}
            self._write_manifest(record)
        return self

    @property
    def manifest(self) -> Record:
        """The manifest as it is on the disk now.

        Raises:
            CorruptFileError: it is damaged.
        """
        return read_sealed(self.path / "manifest.json")

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def evaluation(self) -> Path:
        return self.path / "eval"

    @property
    def calibration(self) -> Path:
        return self.path / "calibration"

    @property
    def log(self) -> Path:
        return self.path / "train.log"

    @property
    def metrics_file(self) -> Path:
        return self.path / "metrics.jsonl"

    def update_manifest(self, **changes: object) -> None:
        """Set keys of the manifest; the others stay.

        Raises:
            ResourceError: it cannot be written.
        """
        self._write_manifest({**self.manifest, **changes})

    def append_metrics(self, row: Mapping[str, object]) -> None:
        """Append a row; a NaN or infinity, for which JSON has no word, becomes null.

        After a crash, `drop_metrics_after` comes first: it removes the torn end.
        """
        finite = {key: None if _is_not_finite(value) else value for key, value in row.items()}
        line = json.dumps(finite, allow_nan=False).encode() + b"\n"
        with disk_errors(self.metrics_file, len(line)), open(self.metrics_file, "ab") as file:
            file.write(line)

    def metrics(self) -> list[Record]:
        """Return the rows written so far; a last line that a crash has torn is not one.

        Raises:
            CorruptFileError: another line is not a JSON object.
        """
        if not self.metrics_file.exists():
            return []
        *lines, _torn = self.metrics_file.read_bytes().split(b"\n")
        return [self._metrics_row(number, line) for number, line in enumerate(lines, start=1)]

    def drop_metrics_after(self, step: int) -> None:
        """Remove the rows of later steps and a torn last line, before a run is resumed."""
        if self.metrics_file.exists():
            rows = [row for row in self.metrics() if row.get("step", 0) <= step]
            lines = [json.dumps(row).encode() + b"\n" for row in rows]
            write_atomically(self.metrics_file, b"".join(lines))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for writing; the kernel lets go of it however the process ends.

        Raises:
            RunLockedError: another process holds it; names its id and host.
            ResourceError: the folder cannot be written to.
        """
        file = self.path / ".lock"
        with disk_errors(file):
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            with disk_errors(file):
                self._take_lock(descriptor)
                remove_leftovers(self.path)
            try:
                yield
            finally:
                with suppress(OSError):  # the folder may be gone, or the disk
                    os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def _take_lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunLockedError(
                f"{self.path} is in use by {_holder(descriptor)}; wait for it, or stop it first"
            ) from None
        me = json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, me, 0)

    def _write_manifest(self, record: Record) -> None:
        write_atomically(self.path / "manifest.json", seal(record))

    def _metrics_row(self, number: int, line: bytes) -> Record:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise CorruptFileError(f"{self.metrics_file}:{number} is damaged: not a JSON object")
        return row


def _any_run(run: RunFolder) -> bool:
    return True


def newest_run(parent: Path, *, accept: Callable[[RunFolder], bool] = _any_run) -> Path | None:
    """Return the finished run that was started last, or None; damaged folders do not count.

    Args:
        parent: holds run folders.
        accept: whether a run is to be considered.
    """
    started: dict[Path, tuple[str, str]] = {}
    for name in os.listdir(parent) if os.path.isdir(parent) else ():
        with suppress(UsageError, CorruptFileError):
            run = RunFolder.open(parent / name)
            manifest = run.manifest
            if manifest.get("status") == "finished" and accept(run):
                started[parent / name] = (str(manifest.get("started")), name)
    return max(started, key=lambda path: started[path], default=None)


def resolve_run(
    path: Path | None, *, accept: Callable[[RunFolder], bool] = _any_run, does: str = ""
) -> RunFolder:
    """Open the run that was named, else the one of PREFPROP_RUN, else the newest in `./runs`.

    Args:
        path: of the run; None if none was named.
        accept: whether a run may be chosen where none was named.
        does: what such a run does, for the message, e.g. ` that classifies texts`.

    Raises:
        UsageError: there is none, or the path is not a run folder.
        CorruptFileError: its manifest is damaged.
    """
    named = path or os.environ.get("PREFPROP_RUN")
    found = Path(named) if named else newest_run(Path("runs"), accept=accept)
    if found is None:
        raise UsageError(
            f"no run was named, PREFPROP_RUN is not set, and ./runs holds no finished run{does}. "
            "Train one first: prefprop train -p demo"
        )
    return RunFolder.open(found)


def _holder(descriptor: int) -> str:
    """Name the process that holds the lock; it writes its name right after taking it."""
    for _ in range(20):
        try:
            holder = json.loads(os.pread(descriptor, 4096, 0))
            return f"process {int(holder['pid'])} on {holder['host']}"
        except (ValueError, TypeError, KeyError):
            time.sleep(0.02)
    return "another process"


def _is_not_finite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
