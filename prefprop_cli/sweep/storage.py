"""Where the trials of a sweep are kept: a journal file, or a database that machines share."""

import fcntl
import json
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import sleep

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import (
    BaseStorage,
    JournalStorage,
    RDBStorage,
    RetryHeartbeatStaleTrialCallback,
)
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from prefprop_cli.errors import CorruptFileError, PrefpropError, UsageError
from prefprop_cli.runs.atomic import disk_errors, make_folder
from prefprop_cli.words import first_line

HEARTBEAT_S, STALE_S = 60, 180
_BUSY_S = 60
"""How long SQLite waits for another process."""
_TRY_S = 0.3

quiet = partial(warnings.catch_warnings, action="ignore", category=ExperimentalWarning)
with quiet():
    retry = RetryHeartbeatStaleTrialCallback(inherit_intermediate_values=True)


def open_storage(place: str) -> BaseStorage:
    """Open a storage, or make it: that of a database URL such as `sqlite:///sweep.db`, or a file.

    Raises:
        UsageError: there is no such database.
        CorruptFileError: the file is no journal.
        ResourceError: the file cannot be written.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    return _database(place) if "://" in place else _journal(Path(place))


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Turn a failure of the storage into one that names it and says how to go on."""
    try:
        yield
    except (OptunaError, SQLAlchemyError) as error:
        raise PrefpropError(
            f"the storage {without_password(place)} failed: {without_password(first_line(error))}. "
            "What was trained is saved; go on with the same command"
        ) from error


def without_password(text: str) -> str:
    """A database URL, or a text with some in it, fit for a screen or a log."""
    return re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text)


def _database(url: str, *, tries: int = 5) -> BaseStorage:
    arguments = {"connect_args": {"timeout": _BUSY_S}} if url.startswith("sqlite") else None
    try:
        with quiet():
            return RDBStorage(
                url,
                engine_kwargs=arguments,
                heartbeat_interval=HEARTBEAT_S,
                grace_period=STALE_S,
                heartbeat_stale_trial_callback=retry,
            )
    except (OptunaError, SQLAlchemyError, ImportError) as error:
        if tries > 1 and isinstance(error, DBAPIError):
            # Two processes that make the tables of a new database disturb each other.
            sleep(_TRY_S)
            return _database(url, tries=tries - 1)
        why = without_password(first_line(error))
        raise UsageError(f"--storage {without_password(url)} cannot be opened: {why}") from error


def _journal(path: Path) -> BaseStorage:
    make_folder(path.parent)
    with disk_errors(path):
        path.touch()
        with path.open("rb") as file:
            first = file.readline()
    try:
        if not first or (first.startswith(b"{") and b'"op_code"' in first):
            opened = JournalStorage(JournalFileBackend(str(path), lock_obj=KernelLock(path)))
            _check_lines(path)
            return opened
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError):
        _check_lines(path)
    raise CorruptFileError(
        f"{path} is no journal of a sweep, or is damaged. Name another --storage"
    )


def _check_lines(path: Path) -> None:
    """See that each line is a JSON object; Optuna finds out only when it next reads."""
    *lines, _torn = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            is_object = isinstance(json.loads(line), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            raise CorruptFileError(
                f"{path}:{number} is damaged: not a JSON object. Put a copy of the journal in its "
                "place, or move it away: the same command then begins a new one, and takes the "
                "runs that are finished from their folders"
            )


class KernelLock(JournalFileOpenLock):
    """A lock on a journal that ends with its holder, however that ends.

    Optuna's own stays behind when its holder is killed, and is broken after 30 s. A last line
    that a dead writer or a full disk has torn is cut off, else the next would be glued to it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._descriptor = -1

    def acquire(self) -> bool:
        self._descriptor = os.open(self._path, os.O_RDWR)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        size = os.fstat(self._descriptor).st_size
        start = max(0, size - 2**20)
        tail = os.pread(self._descriptor, size - start, start)
        if not tail.endswith(b"\n"):
            os.ftruncate(self._descriptor, start + tail.rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        os.close(self._descriptor)
