"""The process around a command: settings before PyTorch is imported, and the standard streams."""

import io
import os
import sys
from typing import Any

from prefprop_cli.malloc import keep_freed_memory


def set_up() -> None:
    """Let threads sleep while they wait, and let the allocator keep what was freed."""
    # Read by OpenMP when torch is imported. Its threads otherwise spin while they wait for each
    # other, and beside one other busy process a training step takes five times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()


def repair_streams() -> None:
    """Open what is closed, so that no file of ours becomes a standard stream by accident.

    A write to a standard output that was closed fails, as to a broken pipe. Results are UTF-8
    whatever the locale is; names of files that are not UTF-8 stay the bytes they are.
    """

    def reopen(flags: int, mode: str) -> Any:
        return os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8")

    # In this order: `os.open` takes the lowest number that is free.
    sys.stdin = sys.stdin or reopen(os.O_RDONLY, "r")
    sys.stdout = sys.stdout or reopen(os.O_RDONLY, "w")
    sys.stderr = sys.stderr or reopen(os.O_WRONLY, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")


def settle_streams() -> None:
    """Drop what cannot be written, so that the interpreter does not complain of it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
