"""Settings of the process that make PyTorch faster on a CPU, before it is imported."""

import os
import sys

from prefprop_cli.malloc import keep_freed_memory


def set_up() -> None:
    """Let threads sleep while they wait, and let the allocator keep what was freed."""
    # Read by OpenMP when torch is imported. Its threads otherwise spin while they wait for each
    # other, and beside one other busy process a training step takes five times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()


def cores() -> int | None:
    """Of the processors, those that this process may use; None if nobody knows."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
