"""Files that appear in a folder, each once it is whole."""

import os
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from stat import S_ISREG

from prefprop_cli.errors import DataError

POLL_S = 0.25
SETTLED_S = 1.0
"""A file that was not written to for so long is whole."""
EMPTY_S = 5.0
"""The same for one in which there is nothing yet."""
FileState = tuple[int, int]
"""What changes when a file is written to: its time, in ns, and its size, in bytes."""


class Arrivals:
    """Files below a folder, as they appear or change.

    A file that was moved there after it was written is taken at once. One that is written in its
    place is taken when it has not grown for a second, and again if it changes later. Names that
    begin with a dot, and folders that do, are left out. `clock` gives seconds since any moment,
    `now` those since 1970, as the file system has it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        suffixes: Collection[str],
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._suffixes = folder, suffixes
        self._clock, self._now = clock, now
        self._since_s: dict[Path, tuple[FileState, float]] = {}
        self._taken: dict[Path, FileState] = {}

    def until(self, stop: Callable[[], bool]) -> Iterator[Path]:
        """Give the files, the oldest first, until there is a reason to stop."""
        while not stop():
            for path in self.whole():
                if stop():
                    return
                yield path
            time.sleep(POLL_S)

    def whole(self) -> list[Path]:
        """The files that have become whole since the last call, the oldest first.

        Raises:
            DataError: the folder is gone.
        """
        found, now_s, clock_s = self._found(), self._now(), self._clock()
        self._taken = {path: state for path, state in self._taken.items() if path in found}
        since_s = {}
        whole = []
        for path, state in found.items():
            modified_ns, size = state
            known = self._since_s.get(path)
            since_s[path] = known if known and known[0] == state else (state, clock_s)
            # Where the clock of the disk is ahead of ours, what we saw ourselves decides.
            age_s = max(now_s - modified_ns / 1e9, clock_s - since_s[path][1])
            is_settled = age_s >= (SETTLED_S if size else EMPTY_S)
            if is_settled and self._taken.get(path) != state:
                whole.append(path)
        self._since_s = since_s
        self._taken.update({path: found[path] for path in whole})
        return sorted(whole, key=lambda path: (found[path][0], path))

    def _found(self) -> dict[Path, FileState]:
        if not self._folder.is_dir():
            raise DataError(f"{self._folder}: the folder is gone")
        found = {}
        for folder, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(folder, name)
                if name.startswith(".") or path.suffix.lower() not in self._suffixes:
                    continue
                try:
                    status = path.stat()
                except OSError:  # moved away meanwhile, or a link to nothing
                    continue
                if S_ISREG(status.st_mode):  # to read a pipe would wait for its writer
                    found[path] = status.st_mtime_ns, status.st_size
        return found
