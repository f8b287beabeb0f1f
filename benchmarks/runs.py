"""What the scripts here share: the program on the command line, its run folders, this machine."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def prefprop(*arguments: str) -> str:
    """Run the program, told on stderr; its stdout."""
    print("prefprop", *arguments, file=sys.stderr)
    command = [sys.executable, "-m", "prefprop_cli", *arguments, "-q"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def train(run: Path, *, preset: str, source: str, settings: Sequence[str]) -> None:
    """Train a run, or go on with one that was killed; nothing where it is finished."""
    if not (run / "manifest.json").exists():
        flags = [word for setting in settings for word in ("-s", setting)]
        prefprop("train", "-p", preset, "--source", source, "--out", str(run), *flags)
    elif manifest(run)["status"] != "finished":
        prefprop("train", "--resume", str(run))


def manifest(run: Path) -> dict[str, object]:
    return json.loads((run / "manifest.json").read_text())


def rows(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def machine() -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {
        "processor": next(line.split(": ")[1] for line in lines if line.startswith("model name")),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
