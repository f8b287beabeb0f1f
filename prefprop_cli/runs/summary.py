"""What a run is of and how far it came, from the small files of its folder; stdlib only."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath

from prefprop_cli.errors import CorruptFileError, PrefpropError, UsageError
from prefprop_cli.runs.atomic import Record, is_leftover, read_sealed
from prefprop_cli.runs.folder import RunFolder
from prefprop_cli.runs.state import RunState, state_of


@dataclass(frozen=True)
class RunSummary:
    """A run at a glance."""

    folder: RunFolder
    manifest: Record
    state: RunState
    config: Record
    """What it was started with, by table; empty where nobody knows."""

    @property
    def started(self) -> str:
        """In ISO 8601, with its time zone."""
        return str(self.manifest.get("started", ""))

    @property
    def data(self) -> str:
        """The name of its data set, or of the file or folder of one's own."""
        table = self.table("data")
        name, source = str(table.get("set", "files")), str(table.get("source") or "")
        if name == "files":
            return PurePath(source).name or name
        return source if name == "hub" and source else name

    @property
    def method(self) -> str:
        return str(self.table("method").get("name", "-"))

    @property
    def metric(self) -> str:
        """That decides which step is the best."""
        return str(self.table("train").get("metric", "accuracy"))

    @cached_property
    def best(self) -> tuple[int | None, Mapping[str, float]]:
        """The best step so far and its metrics on validation; empty before the first evaluation.

        Raises:
            CorruptFileError: the rows are not what was written.
        """
        if validation := self.manifest.get("validation"):
            return self.manifest.get("best_step"), validation
        with suppress(CorruptFileError):  # no evaluation has come to its end
            step = read_sealed(self.folder.checkpoints / "best.json").get("step")
            for row in self.folder.metrics():
                if row.get("step") == step and "validation" in row:
                    return step, row["validation"]
        return None, {}

    @property
    def score(self) -> float | None:
        """The best of `metric` on validation so far."""
        return self.best[1].get(self.metric)

    def as_dict(self) -> Record:
        """Return where it is, how far it is, and what it reads."""
        state = self.state
        return {
            "run": self.folder.path,
            "started": self.started,
            "status": state.status,
            "step": state.step,
            "n_steps": state.n_steps,
            "reason": state.reason,
            "data": self.data,
        }

    def table(self, name: str) -> Record:
        """A table of its configuration; empty where nobody knows."""
        found = self.config.get(name)
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Listing:
    """What a folder holds."""

    runs: Sequence[RunSummary]
    """The one that was started last first."""
    damaged: Mapping[Path, PrefpropError]
    """Runs that cannot be read, and why."""
    others: Sequence[str]
    """Names of what is no run."""


def summarize(folder: RunFolder) -> RunSummary:
    """Read a run at a glance; a CorruptFileError if its manifest is damaged."""
    manifest = folder.manifest
    config = manifest.get("config", {})
    if not config:  # an earlier version of the program kept it in the file alone
        with suppress(OSError, ValueError, RecursionError):
            config = tomllib.loads(folder.config.read_text(encoding="utf-8"))
    return RunSummary(folder, manifest, state_of(folder.path, manifest), config)


def list_runs(parent: Path) -> Listing:
    """Read the runs of a folder, and what else it holds; a UsageError if it cannot be read."""
    runs, damaged, others = [], {}, []
    try:
        names = sorted(name for name in os.listdir(parent) if not is_leftover(name))
    except OSError as error:
        raise UsageError(f"{parent} cannot be read: {error.strerror}") from None
    for name in names:
        path = parent / name
        if not os.path.isfile(path / "manifest.json"):
            others.append(name)
            continue
        try:
            runs.append(summarize(RunFolder.open(path)))
        except PrefpropError as error:
            damaged[path] = error
    runs.sort(key=lambda run: (run.started, run.folder.path.name), reverse=True)
    return Listing(runs, damaged, others)
