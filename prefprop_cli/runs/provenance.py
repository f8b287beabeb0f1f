"""From what a run was started: command, versions, code and time."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from prefprop_cli import __version__
from prefprop_cli.runs.atomic import Record

SCHEMA_VERSION = 1
"""Of the run folder."""
_PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "datasets", "accelerate",
    "numpy", "scikit-learn", "scipy",
)  # fmt: skip


def run_manifest(argv: Sequence[str]) -> Record:
    """Return what a manifest says about the start of a run by that command line."""
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "argv": list(argv),
        "started": now(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {"prefprop-cli": __version__} | versions(_PACKAGES),
        "git": _git(),
    }


def now() -> str:
    """Return the time in UTC, in ISO form; later times sort later."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Return the version of each package; None where it is not installed."""
    # Not above: it takes 15 ms, and every TAB imports run folders.
    from importlib.metadata import PackageNotFoundError, version

    found: dict[str, str | None] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def cores() -> int | None:
    """Count the processors that this process may use; None if nobody knows."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()


def _git() -> Record | None:
    """Return commit and dirty flag of the working directory; None where it is no checkout."""
    # A checkout can name programs for git to start; it may be anybody's.
    git = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks"]
    try:
        commit, changes = (
            subprocess.run(
                [*git, *arguments], capture_output=True, text=True, timeout=10, check=True
            ).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "dirty": bool(changes)}
