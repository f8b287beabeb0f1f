"""The folder of a run: layout, manifest, metrics and the lock.

```
runs/demo-20261121-093000/
  manifest.json     status, command, versions, times; sealed with the SHA-256 of itself
  config.toml       the resolved configuration: `prefprop train -p RUN/config.toml` repeats the run
  metrics.jsonl     one JSON object per line, each with its `step`
  texts.json        keys of the texts in each split, by which they are known again
  train.log
  checkpoints/  adapter/  eval/  calibration/
  .lock             held by the one process that writes
```

Readers need no lock: everything but the log is replaced as a whole or appended by whole lines.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

from prefprop_cli.errors import CorruptFileError, ResourceError, UsageError
from prefprop_cli.runs.atomic import (
    Record,
    disk_errors,
    make_folder,
    read_sealed,
    seal,
    write_atomically,
)
from prefprop_cli.runs.config import check_config
from prefprop_cli.runs.lock import locked
from prefprop_cli.runs.metrics import MetricsFile, seal_of
from prefprop_cli.runs.provenance import SCHEMA_VERSION, now
from prefprop_cli.runs.state import check_free, unfinished


@dataclass(unsafe_hash=True)
class RunFolder:
    """A folder that holds one run."""

    path: Path
    """It stays: folders are told apart by it."""

    def __post_init__(self) -> None:
        self.config = self.path / "config.toml"
        self.checkpoints = self.path / "checkpoints"
        self.adapter = self.path / "adapter"
        self.evaluation = self.path / "eval"
        self.calibration = self.path / "calibration"
        self.texts = self.path / "texts.json"
        self.log = self.path / "train.log"
        self.metrics_file = self.path / "metrics.jsonl"
        self._manifest_file = self.path / "manifest.json"
        self._metrics = MetricsFile(self.metrics_file)

    @classmethod
    def create(cls, parent: Path, name: str) -> "RunFolder":
        """Make a new folder `parent/name-<date>-<time>`; a second one in a second gets a suffix."""
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
        """Make a new run of exactly this folder, in which nothing may be; see `check_free`."""
        check_free(path)
        make_folder(path)
        return cls(path).begin()

    @classmethod
    def open(cls, path: "RunFolder | Path | str") -> "RunFolder":
        """Open the folder of an earlier run; one that is open already is returned as it is.

        Raises:
            UsageError: the path is not there or is not a run folder.
            CorruptFileError: its manifest is damaged, or of a newer version of this program.
        """
        if isinstance(path, RunFolder):
            return path
        path, advice = Path(path), "Name a folder that `prefprop train` printed"
        if not os.path.lexists(path):
            below = Path("runs") / path
            meant = f"Did you mean {below}?" if (below / "manifest.json").is_file() else advice
            raise UsageError(f"{path} does not exist. {meant}")
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
        """Write the first manifest, unless there is one, into a folder that is there."""
        if not self._manifest_file.exists():
            record = {"schema_version": SCHEMA_VERSION, "status": "running", "started": now()}
            write_atomically(self._manifest_file, seal(record))
        return self

    @property
    def manifest(self) -> Record:
        """The manifest as it is on the disk now; a CorruptFileError if it is damaged."""
        return read_sealed(self._manifest_file)

    @property
    def checked_config(self) -> Path:
        """The configuration, which is the one that the run was started with, see `check_config`."""
        check_config(self.config, self.manifest)
        return self.config

    @property
    def trained_adapter(self) -> Path:
        """The adapter folder of a run that was trained to its end.

        Raises:
            UsageError: the run was not; says how far it is and how to go on. Or its configuration
                was changed, which would change nothing here: the adapter brings its own.
            CorruptFileError: the manifest is damaged.
        """
        manifest = self.manifest
        if manifest.get("status") != "finished" and not self.adapter.is_dir():
            raise unfinished(self.path, manifest)
        if self.config.exists():
            check_config(self.config, manifest)
        return self.adapter

    def update_manifest(self, **changes: object) -> None:
        """Set keys of the manifest; the others stay."""
        write_atomically(self._manifest_file, seal({**self.manifest, **changes}))

    def append_metrics(self, row: Mapping[str, object]) -> None:
        """Append a row; after a crash, `drop_metrics_after` comes first: it removes a torn end."""
        self._metrics.append(row)

    def metrics(self) -> list[Record]:
        """Return the rows written so far; a last line that a crash has torn is not one.

        Raises:
            CorruptFileError: they are not what was written, or the manifest is damaged.
        """
        while True:
            manifest = self.manifest
            ended = manifest.get("status") in ("finished", "interrupted")
            try:
                return [row for _, row in self._metrics.rows(manifest.get("metrics"), ended=ended)]
            except CorruptFileError:
                if self.manifest == manifest:  # else: changed by a live writer while we read
                    raise

    def drop_metrics_after(self, step: int) -> None:
        """Remove later rows and a torn last line before a run is resumed; errors as `metrics`."""
        sealed = self.manifest.get("metrics")
        kept = self._metrics.until(step, sealed)
        if sealed is not None:  # first: the longer file begins with what the shorter one holds
            self.update_manifest(metrics=seal_of(kept))
        self._metrics.write(kept)

    def seal_metrics(self, **changes: object) -> None:
        """Set keys of the manifest, and note in it what the rows are by now."""
        self.update_manifest(metrics=seal_of(self._metrics.synced()), **changes)

    def lock(self) -> AbstractContextManager[None]:
        """Hold the folder for writing, see `locked`."""
        return locked(self.path)


@dataclass(frozen=True)
class Choice:
    """A run, and why it is this one."""

    folder: RunFolder
    because: str
    """`named`, `PREFPROP_RUN` or `newest finished`."""
    passed_over: RunFolder | None = None
    """One that was started later and is not finished."""


def newest_run(parent: Path) -> Path | None:
    """Return the finished run that was started last, or None; damaged folders do not count."""
    runs = _newest_first(parent)
    return next((run.path for run, found in runs if found.get("status") == "finished"), None)


def choose_run(
    path: Path | None, *, accept: Callable[[RunFolder], bool] = lambda run: True, does: str = ""
) -> Choice:
    """Open the run that was named, else the one of PREFPROP_RUN, else the newest in `./runs`.

    Of the last, one that is accepted; `does` says in the message what such a run does, e.g.
    ` that classifies texts`.

    Raises:
        UsageError, CorruptFileError: there is none, or as `open`.
    """
    if path:
        return Choice(RunFolder.open(path), "named")
    if named := os.environ.get("PREFPROP_RUN"):
        return Choice(RunFolder.open(named), "PREFPROP_RUN")
    passed_over = None
    for run, manifest in _newest_first(Path("runs")):
        if manifest.get("status") != "finished":
            passed_over = passed_over or run
        elif accept(run):
            return Choice(run, "newest finished", passed_over)
    advice = "Train one first: prefprop train FILE, or without data prefprop train -p demo"
    if passed_over:
        advice = str(unfinished(passed_over.path, passed_over.manifest))
    raise UsageError(
        "no run was named, PREFPROP_RUN is not set, and ./runs holds no finished run"
        f"{does}. {advice}"
    )


def _newest_first(parent: Path) -> list[tuple[RunFolder, Record]]:
    """The runs of a folder with their manifests, without those that cannot be read."""
    found = []
    for name in os.listdir(parent) if os.path.isdir(parent) else ():
        with suppress(UsageError, CorruptFileError):
            run = RunFolder.open(parent / name)
            found.append((run, run.manifest))
    return sorted(found, key=lambda e: (str(e[1].get("started")), e[0].path.name), reverse=True)
