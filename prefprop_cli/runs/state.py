"""How far a run is, and how to go on with one that was not trained to its end."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from prefprop_cli.errors import UsageError
from prefprop_cli.runs.atomic import Record
from prefprop_cli.runs.lock import holder

Status = Literal["finished", "training", "interrupted", "failed", "pruned", "not begun"]

_CHECKPOINT = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class RunState:
    """How far a run is."""

    status: Status
    """One whose process died is interrupted; a pruned one was given up by its sweep."""
    step: int | None = None
    """Its newest checkpoint; what a run did after it is lost with its process."""
    n_steps: int | None = None
    """Of the whole run; None where nobody knows."""
    reason: str | None = None
    """Why it ended, as its manifest has it."""
    process: str | None = None
    """That trains it."""

    @property
    def place(self) -> str:
        """The checkpoint in words."""
        if self.step is None:
            return "before its first checkpoint"
        return f"at step {self.step}" + (f" of {self.n_steps}" if self.n_steps else "")

    def __str__(self) -> str:
        if self.status in ("finished", "not begun"):
            return self.status
        status = "given up by its sweep" if self.status == "pruned" else self.status
        return f"{status} {self.place}"


def is_begun(manifest: Record) -> bool:
    """Tell whether a manifest says what the run is of; the first one of a folder does not."""
    return "config_sha256" in manifest


def state_of(folder: Path, manifest: Record) -> RunState:
    """Say how far the run of a folder is, as it is on the disk now."""
    names = os.listdir(folder / "checkpoints") if (folder / "checkpoints").is_dir() else ()
    steps = [int(found[1]) for found in map(_CHECKPOINT.fullmatch, names) if found]
    process, status = None, manifest.get("status")
    if status != "finished":
        process = holder(folder)
        if process:
            status = "training"
        elif not is_begun(manifest):
            status = "not begun"
        elif status != "failed":
            status = "pruned" if manifest.get("exit_reason") == "pruned" else "interrupted"
    return RunState(
        cast("Status", status),
        max(steps, default=None),
        manifest.get("n_steps"),
        manifest.get("exit_reason"),
        process,
    )


def again(folder: Path) -> str:
    """Return the command that goes on with a run."""
    return f"prefprop train --resume {shlex.quote(str(folder))}"


def unfinished(folder: Path, manifest: Record) -> UsageError:
    """Return the error of a command that needs what only a finished run has."""
    state = state_of(folder, manifest)
    if state.process:
        return UsageError(
            f"{folder} is being trained by {state.process}, {state.place}; wait for its end"
        )
    if state.status == "not begun":
        return UsageError(
            f"{folder} was never begun: its start ended before it was described. Start it again "
            f"with its configuration: prefprop train ... --out {shlex.quote(str(folder))}"
        )
    if state.status == "failed":
        return UsageError(f"{folder} failed {state.place} ({state.reason}); go on: {again(folder)}")
    ended = "was given up by its sweep" if state.status == "pruned" else "stopped"
    return UsageError(f"{folder} {ended} {state.place}; go on: {again(folder)}")
