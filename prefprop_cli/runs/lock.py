"""The lock of a run folder: the kernel lets go of it however its holder ends."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prefprop_cli.errors import RunLockedError
from prefprop_cli.runs.atomic import disk_errors, remove_leftovers

NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for writing, and remove what dead writers left in it.

    Raises:
        RunLockedError: another process holds it; names its id and host.
        ResourceError: the folder cannot be written to.
    """
    with disk_errors(folder / NAME):
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with disk_errors(folder / NAME):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunLockedError(
                    f"{folder} is in use by {_name(descriptor)}; wait for it, or stop it first"
                ) from None
            os.ftruncate(descriptor, 0)
            me = {"pid": os.getpid(), "host": socket.gethostname()}
            os.pwrite(descriptor, json.dumps(me).encode(), 0)
            remove_leftovers(folder)
        try:
            yield
        finally:
            with suppress(OSError):  # the folder may be gone, or the disk
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(folder: Path) -> str | None:
    """Name the process that holds a folder; None if none does. Changes nothing."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY)
    except OSError:  # nobody ever wrote here
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _name(descriptor)
    finally:
        os.close(descriptor)
    return None


def _name(descriptor: int) -> str:
    """Name the holder of a lock; it writes its name right after taking it."""
    for _ in range(20):
        try:
            found = json.loads(os.pread(descriptor, 4096, 0))
            return f"process {int(found['pid'])} on {found['host']}"
        except (ValueError, TypeError, KeyError):
            time.sleep(0.02)
    return "another process"
