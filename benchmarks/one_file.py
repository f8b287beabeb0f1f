"""Measure the one-file program: its size, its first start and the later ones.

    make pex
    python benchmarks/one_file.py dist/prefprop

Beside it stands the program as this Python has it installed. Everything the file unpacks goes into
a temporary folder.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from runs import machine

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "one-file"
SPEECH = "Fellow citizens, the state of the Union is strong.\n"
SHORT = ("-s", "train.max_steps=1", "-s", "data.max_length=256")


def main(file: Path) -> None:
    file = file.resolve()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        environment = {"HOME": name, "PATH": "/usr/bin:/bin"}
        first = timed([str(file), "--version"], home, environment)
        unpacked = sum(path.lstat().st_size for path in (home / ".cache" / "pex").rglob("*"))
        trained = [str(file), "train", "-p", "demo", "-q", *SHORT]
        timed(trained, home, environment)
        (home / "speech.txt").write_text(SPEECH)
        programs = {
            "one file": [str(file)],
            "installed": [sys.executable, "-m", "prefprop_cli"],
        }
        later = {
            each: starts(program, home, environment | {"PYTHONPATH": str(HERE.parent)})
            for each, program in programs.items()
        }
    record = {
        "command": "make pex && python benchmarks/one_file.py dist/prefprop",
        "machine": {**machine(), "system": " ".join(platform.libc_ver())},
        "versions": versions(),
        "file_bytes": file.stat().st_size,
        "unpacked_bytes": unpacked,
        "wheels": wheels(),
        # The clock tells little where others work on the machine.
        "load_average": round(os.getloadavg()[0], 1),
        "first_start": first,
        "later_starts_median_cpu_s": later,
    }
    (HERE / "one-file.json").write_text(json.dumps(record, indent=1) + "\n")


def starts(program: Sequence[str], home: Path, environment: dict[str, str]) -> dict[str, float]:
    """CPU seconds of a few commands, each a median; the first time of each does not count."""
    commands = {
        "--version": (10, ["--version"]),
        "train --help": (10, ["train", "--help"]),
        "predict speech.txt": (5, ["predict", "speech.txt", "-q"]),
    }
    found = {}
    for name, (n, arguments) in commands.items():
        command = [*program, *arguments]
        rows = [timed(command, home, environment)["cpu_s"] for _ in range(n + 1)]
        found[name] = round(median(rows[1:]), 3)
    return found


def timed(command: Sequence[str], folder: Path, environment: dict[str, str]) -> dict[str, float]:
    """CPU and clock seconds of a command."""
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    ended_s, after = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu_s, 3), "clock_s": round(ended_s - began_s, 2)}


def wheels() -> dict[str, object]:
    """Bytes of the wheels as they are published and as they are in the file, where they differ."""
    published = sizes(BUILD / "wheels")
    packed = sizes(BUILD / "slim")
    lighter = {name: [size, packed[name]] for name, size in published.items()}
    return {
        "published_bytes": sum(published.values()),
        "packed_bytes": sum(packed.values()),
        "lighter": {name: pair for name, pair in lighter.items() if pair[1] < 0.99 * pair[0]},
    }


def sizes(folder: Path) -> dict[str, int]:
    return {path.name.split("-")[0]: path.stat().st_size for path in sorted(folder.glob("*.whl"))}


def versions() -> dict[str, str]:
    python = BUILD / "tools" / "bin" / "python"
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], check=True, stdout=subprocess.PIPE
    )
    tools = {row["name"]: row["version"] for row in json.loads(listed.stdout)}
    names = [path.name.split("-")[:2] for path in (BUILD / "slim").glob("*.whl")]
    shown = ("torch", "prefprop_cli", "pyarrow", "transformers")
    return {"pex": tools["pex"], **{name: is_ for name, is_ in sorted(names) if name in shown}}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
