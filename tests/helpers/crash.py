"""A disk that stops working at the n-th change a block makes to it."""

import builtins
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from unittest.mock import patch

_CHANGES = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "ftruncate")


class Killed(BaseException):
    """The process is no more; nothing it does afterwards reaches the disk."""


@contextmanager
def killed_at(n: int) -> Iterator[list[str]]:
    """Run a block whose process dies at its n-th change; yields the changes that came so far."""
    with _disk(n, error=Killed, is_dead=True) as changes:
        yield changes


def every_death(prepare: Callable[[], object], action: Callable[[], object]) -> Iterator[int]:
    """Prepare, then die at the n-th change of the action, for every n; yields after each death."""
    for n in count(1):
        prepare()
        with killed_at(n):
            try:
                action()
            except Killed:
                pass
            else:
                return
        yield n


@contextmanager
def disk_full_at(n: int) -> Iterator[list[str]]:
    """Run a block whose n-th change fails for want of space; the later ones work."""
    with _disk(n, error=lambda: OSError(errno.ENOSPC, "No space left on device")) as changes:
        yield changes


@contextmanager
def _disk(
    n: int, *, error: Callable[[], BaseException], is_dead: bool = False
) -> Iterator[list[str]]:
    changes: list[str] = []

    def fails(name: str) -> bool:
        changes.append(name)
        return len(changes) == n or (is_dead and len(changes) > n)

    def failing(name: str):
        original = getattr(os, name)

        def change(*arguments, **options):
            if fails(name):
                raise error()
            return original(*arguments, **options)

        return change

    class TornFile:
        def __init__(self, file) -> None:
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *reason) -> None:
            self.file.close()

        def __getattr__(self, name: str):
            return getattr(self.file, name)

        def write(self, data: bytes) -> int:
            if not fails("write"):
                return self.file.write(data)
            if len(changes) == n:
                self.file.write(data[: len(data) // 2])
            raise error()

    original_open = builtins.open

    def opening(path, mode="r", *arguments, **options):
        if mode not in ("wb", "ab"):
            return original_open(path, mode, *arguments, **options)
        if fails("open"):
            raise error()
        return TornFile(original_open(path, mode, *arguments, **options))

    with ExitStack() as stack:
        for name in _CHANGES:
            stack.enter_context(patch.object(os, name, failing(name)))
        stack.enter_context(patch.object(builtins, "open", opening))
        yield changes
