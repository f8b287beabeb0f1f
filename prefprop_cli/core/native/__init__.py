"""C kernels: compiled once for this machine by the compiler it has, kept in the user's cache.

Nothing needs them: where there is no compiler, `load` says why, and PyTorch's own operations do
the same work. `PREFPROP_NATIVE=0` does without them.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from prefprop_cli.cache import default_cache

SOURCES = Path(__file__).parent
_FLAGS = (
    *("-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno"),
    *("-fopenmp", "-shared", "-fPIC"),
)
# Not clang: its OpenMP is another than PyTorch's, and two in one process compete for the cores.
_COMPILERS = ("gcc", "cc")
_PATIENCE_S = 120


class NotAvailable(Exception):
    """There are no C kernels here; the message says why."""


def load() -> ctypes.CDLL:
    """Return the library of all kernels; the first call on this machine compiles it, in seconds.

    Raises:
        NotAvailable: switched off, no compiler, or it failed.
    """
    found = _attempt()
    if isinstance(found, str):
        raise NotAvailable(found)
    return found


def why_not(is_right: Callable[[], bool]) -> str:
    """Say why a kernel cannot be used here; empty if it can.

    `is_right` compares what the compiler of this machine made with the definition. It is called
    each time there are kernels, so a caller keeps the answer.
    """
    found = _attempt()
    if isinstance(found, str):
        return found
    return "" if is_right() else "the compiled kernel gives wrong numbers"


@cache
def _attempt() -> ctypes.CDLL | str:
    """The library, or why there is none; tried once in a process."""
    if os.environ.get("PREFPROP_NATIVE") == "0":
        return "PREFPROP_NATIVE=0"
    if sys.platform != "linux":
        return f"not tried on {sys.platform}"
    try:
        compiler = _compiler()
        library = default_cache() / "native" / f"{_key(compiler)}.so"
        if not library.exists():
            _compile(compiler, library)
        return ctypes.CDLL(str(library))
    except (NotAvailable, OSError) as reason:
        return str(reason)


def _compiler() -> str:
    wanted = os.environ.get("CC")
    names = [wanted] if wanted else _COMPILERS
    for name in names:
        if found := shutil.which(name):
            return found
    raise NotAvailable(f"no C compiler ({', '.join(names)})")


def _key(compiler: str) -> str:
    """Changes with the sources, the compiler and the processor: a home can have many machines."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=False).stdout
    parts = [" ".join(_FLAGS).encode(), version, platform.machine().encode(), _processor()]
    parts += [path.read_bytes() for path in sorted(SOURCES.glob("*.[ch]"))]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> bytes:
    lines = Path("/proc/cpuinfo").read_bytes().split(b"\n")
    named = (b"flags", b"Features", b"model name", b"CPU part")
    return b"\n".join(sorted({line for line in lines if line.startswith(named)}))


def _compile(compiler: str, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder) / library.name
        sources = map(str, sorted(SOURCES.glob("*.c")))
        command = [compiler, *_FLAGS, "-o", str(made), *sources, "-lm"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NotAvailable(f"{compiler} took more than {_PATIENCE_S} s") from error
        if done.returncode:
            lines = done.stderr.strip().split("\n")
            first = next((line for line in lines if "error" in line), lines[-1])
            raise NotAvailable(f"{compiler} failed: {first}")
        # In one step: another process may be compiling the same.
        made.replace(library)
