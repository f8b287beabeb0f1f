"""How far a run is that was not trained to its end, and how to go on with it."""

import os
import re
import shlex
from pathlib import Path

from prefprop_cli.atomic import Record
from prefprop_cli.errors import UsageError
from prefprop_cli.runs.lock import holder

_CHECKPOINT = re.compile(r"step-(\d+)")


def is_begun(manifest: Record) -> bool:
    """Whether a manifest says what the run is of; the first one of a folder does not."""
    return "config_sha256" in manifest


def unfinished(folder: Path, manifest: Record) -> UsageError:
    """Return the error of a command that needs what only a finished run has."""
    again = f"prefprop train --resume {shlex.quote(str(folder))}"
    place = _place(folder, manifest)
    if process := holder(folder):
        return UsageError(f"{folder} is being trained by {process}, {place}; wait for its end")
    if not is_begun(manifest):
        return UsageError(
            f"{folder} was never begun: its start ended before it was described. Start it again "
            f"with its configuration: prefprop train ... --out {shlex.quote(str(folder))}"
        )
    reason = manifest.get("exit_reason")
    if manifest.get("status") == "failed":
        return UsageError(f"{folder} failed {place} ({reason}); go on: {again}")
    ended = "was given up by its sweep" if reason == "pruned" else "stopped"
    return UsageError(f"{folder} {ended} {place}; go on: {again}")


def _place(folder: Path, manifest: Record) -> str:
    """The newest checkpoint; what a run did after it is lost with its process."""
    names = os.listdir(folder / "checkpoints") if (folder / "checkpoints").is_dir() else ()
    steps = [int(found[1]) for found in map(_CHECKPOINT.fullmatch, names) if found]
    if not steps:
        return "before its first checkpoint"
    n_steps = manifest.get("n_steps")
    return f"at step {max(steps)}" + (f" of {n_steps}" if n_steps else "")
