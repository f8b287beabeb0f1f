"""Whether a new run may have a folder, told before anything is made or read."""

import os
from pathlib import Path

from prefprop_cli.errors import CorruptFileError, ResourceError, RunLockedError, UsageError
from prefprop_cli.runs.atomic import is_leftover, read_sealed
from prefprop_cli.runs.lock import NAME as LOCK
from prefprop_cli.runs.lock import holder
from prefprop_cli.runs.state import is_begun

_OF_A_START = {"manifest.json", "config.toml", LOCK}


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
