"""How far a run is, and how to go on with one that was not trained to its end."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prefprop_cli.errors import UsageError
from prefprop_cli.runs.atomic import Record
from prefprop_cli.runs.lock import holder

Status = Literal["finished", "training", "interrupted", "failed", "pruned", "not begun"]

_CHECKPOINT = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class State:
    """How far a run is.

    Attributes:
        status: one whose process died is interrupted; a pruned one was given up by its sweep.
        step: its newest checkpoint; what a run did after it is lost with its process.
        n_steps: of the whole run; None where nobody knows.
        reason: why it ended, as its manifest has it.
        process: that trains it.
    """

    status: Status
    step: int | None = None
    n_steps: int | None = None
    reason: str | None = None
    process: str | None = None

    @property
    def place(self) -> str:
        """The checkpoint in words."""
        if self.step is None:
            return "before its first checkpoint"
        return f"at step {self.step}" + (f" of {self.n_steps}" if self.n_steps else "")

    def __str__(self) -> str:
        return self.status if self.status in ("finished", "not begun") else self._with_place()

    def _with_place(self) -> str:
        status = "given up by its sweep" if self.status == "pruned" else self.status
        return f"{status} {self.place}"


def is_begun(manifest: Record) -> bool:
    """Whether a manifest says what the run is of; the first one of a folder does not."""
    return "config_sha256" in manifest


def state_of(folder: Path, manifest: Record) -> State:
    """How far the run of a folder is, as it is on the disk now."""
    n_steps, reason = manifest.get("n_steps"), manifest.get("exit_reason")
    if manifest.get("status") == "finished":
        return State("finished", _newest_checkpoint(folder), n_steps, reason)
    process = holder(folder)
    return State(
        _unfinished_status(manifest, process), _newest_checkpoint(folder), n_steps, reason, process
    )


def again(folder: Path) -> str:
    """The command that goes on with a run."""
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


def _unfinished_status(manifest: Record, process: str | None) -> Status:
    if process:
        return "training"
    if not is_begun(manifest):
        return "not begun"
    if manifest.get("status") == "failed":
        return "failed"
    return "pruned" if manifest.get("exit_reason") == "pruned" else "interrupted"


def _newest_checkpoint(folder: Path) -> int | None:
    names = os.listdir(folder / "checkpoints") if (folder / "checkpoints").is_dir() else ()
    steps = [int(found[1]) for found in map(_CHECKPOINT.fullmatch, names) if found]
    return max(steps, default=None)
