"""Whether a new run may have a folder, told before anything is made or read."""

import os
from contextlib import suppress
from pathlib import Path

from prefprop_cli.errors import CorruptFileError, ResourceError, RunLockedError, UsageError
from prefprop_cli.runs.atomic import is_leftover, read_sealed
from prefprop_cli.runs.lock import NAME as LOCK
from prefprop_cli.runs.lock import holder
from prefprop_cli.runs.state import is_begun

_OF_A_START = {"manifest.json", "config.toml", LOCK}


def check_free(path: Path) -> None:
    """See that a new run may have exactly this folder, before anything is made.

    Raises:
        UsageError: something is there.
        RunLockedError: another process is beginning a run there.
        ResourceError: nothing can be written there.
    """
    if _is_free(path):
        if process := holder(path):
            raise RunLockedError(f"{path} is in use by {process}; name another folder")
        check_writable(path)
    elif not (path / "manifest.json").is_file():
        what = "folder with something in it" if path.is_dir() else "file"
        raise UsageError(f"{path} is there already, a {what}; name a new folder")
    else:
        again = "" if _is_finished(path) else f", or go on with it: --resume {path}"
        raise UsageError(f"{path} is there already, a run; name a new folder{again}")


def check_writable(path: Path) -> None:
    """See that a folder can be made here, or written to.

    Raises:
        ResourceError: it cannot.
    """
    there = next(each for each in (path, *path.absolute().parents) if os.path.lexists(each))
    if not os.path.isdir(there):
        raise ResourceError(f"cannot write {path}: {there} is not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ResourceError(f"cannot write {path}: no permission to write to {there}")


def _is_free(path: Path) -> bool:
    """Whether a new run may have this folder: nothing is there, or a start that came to nothing.

    A process that is killed between its first manifest and the description of the run leaves one.
    """
    if not os.path.lexists(path):
        return True
    names = set(os.listdir(path)) if path.is_dir() else {path.name}
    rest = {name for name in names if not (path.is_dir() and is_leftover(name))}
    if not rest:
        return True
    try:
        return rest <= _OF_A_START and not is_begun(read_sealed(path / "manifest.json"))
    except CorruptFileError:
        return False


def _is_finished(path: Path) -> bool:
    with suppress(CorruptFileError):
        return read_sealed(path / "manifest.json").get("status") == "finished"
    return False
