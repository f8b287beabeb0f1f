"""Finished runs and timings, found in the files and folders that were named."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import Config
from prefprop_cli.errors import PrefpropError, UsageError
from prefprop_cli.report.paper import method_label
from prefprop_cli.report.table_7 import read_timings
from prefprop_cli.runs import Record, RunFolder
from prefprop_cli.runs.state import again
from prefprop_cli.words import listed

_SHOWN = 5


@dataclass(frozen=True)
class FinishedRun:
    """A run that was trained to its end."""

    folder: RunFolder
    config: Config
    backbone_sha256: str
    started: str
    validation: Mapping[str, float]
    data_warnings: tuple[str, ...] | None = None
    """What may be wrong with its documents; None where an earlier version did not keep it."""

    @property
    def method(self) -> str:
        return method_label(self.config)

    @property
    def seed(self) -> int:
        return self.config.train.seed


@dataclass
class Collected:
    """What was found."""

    runs: list[FinishedRun] = field(default_factory=list)
    """Finished ones, in the order of their paths."""
    timings: list[Record] = field(default_factory=list)
    """Rows of `benchmarks/table_7.py`, of all files together."""
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""


def collect(paths: Sequence[Path]) -> Collected:
    """Find the runs and timings in run folders, folders of some at any depth, and JSON files.

    Raises:
        UsageError: a path is not there, or a folder holds no run.
        DataError: a JSON file holds no timings of table 7.
    """
    found = Collected()
    unfinished: dict[str, list[Path]] = {}
    seen = set()
    for path in paths:
        if path.is_file():
            found.timings += read_timings(path)
            continue
        folders = [*_runs_in(path)]
        if not folders:
            raise UsageError(
                f"{path} {'holds no run folder' if path.is_dir() else 'does not exist'}. Name run "
                "folders, folders that hold some, or FILE.json of benchmarks/table_7.py"
            )
        for folder in folders:
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            try:
                manifest = RunFolder.open(folder).manifest
                if manifest.get("status") == "finished":
                    found.runs.append(_run(folder, manifest))
                else:
                    is_pruned = manifest.get("exit_reason") == "pruned"
                    state = "pruned" if is_pruned else str(manifest.get("status"))
                    unfinished.setdefault(state, []).append(folder)
            except PrefpropError as error:
                found.notes.append(f"left out {folder}: {error}")
    found.notes += (_left_out(state, folders) for state, folders in unfinished.items())
    return found


def _runs_in(path: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(path):
        folders.sort()
        if "manifest.json" in files:
            folders.clear()  # nothing inside a run is another
            yield Path(parent)


def _run(folder: Path, manifest: Record) -> FinishedRun:
    run, warnings = RunFolder(folder), manifest.get("data_warnings")
    return FinishedRun(
        folder=run,
        config=load_config(preset=str(run.checked_config)).config,
        backbone_sha256=str(manifest.get("backbone_sha256", "")),
        started=str(manifest.get("started", "")),
        validation=manifest.get("validation") or {},
        data_warnings=tuple(map(str, warnings)) if isinstance(warnings, list) else None,
    )


def _left_out(state: str, folders: Sequence[Path]) -> str:
    names = listed([str(folder) for folder in folders], shown=_SHOWN)
    goes_on = state in ("interrupted", "failed")
    return f"left out, {state}: {names}" + (f". To go on: {again(folders[0])}" if goes_on else "")
