"""How far a run is, how to go on with it, and whether a new one may have its folder."""

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from prefprop_cli.errors import CorruptFileError, ResourceError, RunLockedError, UsageError
from prefprop_cli.runs.atomic import Record, is_leftover, read_sealed
from prefprop_cli.runs.lock import NAME as LOCK
from prefprop_cli.runs.lock import holder

Status = Literal["finished", "training", "interrupted", "failed", "pruned", "not begun"]

_CHECKPOINT = re.compile(r"step-(\d+)")
_OF_A_START = {"manifest.json", "config.toml", LOCK}


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


def check_free(path: Path) -> None:
    """See that a new run may have exactly this folder, before anything is made.

    Nothing may be there, or what a start that came to nothing has left: a process that is killed
    between its first manifest and the description of the run.

    Raises:
        UsageError: something is there.
        RunLockedError: another process is beginning a run there.
        ResourceError: nothing can be written there.
    """
    is_folder = path.is_dir()
    names = os.listdir(path) if is_folder else [path.name] * os.path.lexists(path)
    rest = {name for name in names if not (is_folder and is_leftover(name))}
    try:
        manifest = read_sealed(path / "manifest.json") if "manifest.json" in rest else None
    except CorruptFileError:
        manifest = {"config_sha256": "", "status": "damaged"}
    if not rest or (rest <= _OF_A_START and manifest is not None and not is_begun(manifest)):
        if process := holder(path):
            raise RunLockedError(f"{path} is in use by {process}; name another folder")
        check_writable(path)
    elif manifest is None:
        what = "folder with something in it" if is_folder else "file"
        raise UsageError(f"{path} is there already, a {what}; name a new folder")
    else:
        is_finished = manifest.get("status") == "finished"
        again = "" if is_finished else f", or go on with it: --resume {path}"
        raise UsageError(f"{path} is there already, a run; name a new folder{again}")


def check_writable(path: Path) -> None:
    """See that a folder can be made here, or written to, or raise a ResourceError."""
    there = next(each for each in (path, *path.absolute().parents) if os.path.lexists(each))
    if not os.path.isdir(there):
        raise ResourceError(f"cannot write {path}: {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ResourceError(f"cannot write {path}: no permission to write to {there}")
