"""Where and from what a run was started: command, versions, code and time."""

import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from prefprop_cli import __version__
from prefprop_cli.runs.atomic import Record

SCHEMA_VERSION = 1
"""Of the run folder."""
_PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "datasets", "accelerate",
    "numpy", "scikit-learn", "scipy",
)  # fmt: skip


def run_manifest(argv: Sequence[str]) -> Record:
    """Return what a manifest says about the start of a run: command, versions, code and time.

    Args:
        argv: the command line.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "status": "running",
        "argv": list(argv),
        "started": now(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {"prefprop-cli": __version__} | {name: _version(name) for name in _PACKAGES},
        "git": _git(),
    }


def now() -> str:
    """Return the time in UTC, in ISO form; later times sort later."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git() -> Record | None:
    """Return commit and dirty flag of the working directory; None where it is no checkout."""
    commit = _git_output("rev-parse", "HEAD")
    changes = _git_output("status", "--porcelain")
    if commit is None or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _git_output(*arguments: str) -> str | None:
    # A checkout can name programs for git to start; it may be anybody's.
    command = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
