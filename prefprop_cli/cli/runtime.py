"""Settings of the process that make PyTorch faster on a CPU, before it is imported."""

import ctypes
import os
import sys

# Numbers of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
_MALLOC = {_MMAP_THRESHOLD: 1 << 30, _TRIM_THRESHOLD: (1 << 31) - 1, _TOP_PAD: 1 << 28}


def set_up() -> None:
    """Let threads sleep while they wait, and let the allocator keep what was freed."""
    # Read by OpenMP when torch is imported. Its threads otherwise spin while they wait for each
    # other, and beside one other busy process a training step takes five times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.platform == "linux" and not any(name.startswith("MALLOC_") for name in os.environ):
        _keep_freed_memory()


def _keep_freed_memory() -> None:
    """A large tensor is otherwise given back when it is freed, and its pages zeroed anew."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for name, value in _MALLOC.items():
            mallopt(name, value)
