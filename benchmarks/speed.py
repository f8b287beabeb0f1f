"""Forward pass and prefix step, ours and `transformers`', at 512 and 4,096 tokens.

    python benchmarks/speed.py

Both run in one process with the glibc settings that make `transformers`' Longformer fastest.
Writes `benchmarks/speed.json`.
"""

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from record_run import processor

MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
FLAGS = "bench -p demo --lengths 512,4096 --repeat 5 --warmup 1 --against transformers --json -q"


def bench(*more: str) -> dict[str, object]:
    command = [sys.executable, "-m", "prefprop_cli", *FLAGS.split(), *more]
    done = subprocess.run(command, env={**os.environ, **MALLOC}, check=True, capture_output=True)
    return json.loads(done.stdout)


record = {
    "command": f"prefprop {FLAGS} [--train]",
    "environment": MALLOC,
    "machine": {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    },
    "packages": {name: version(name) for name in ("torch", "transformers")},
    "forward": bench(),
    "train": bench("--train"),
}
Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
