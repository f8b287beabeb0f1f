"""Every figure of the speed table, one program after another, into `speed.json`.

    python benchmarks/speed.py [--only PART] [--force]

About a quarter of an hour on two cores, which should have nothing else to do. It goes on where it
was stopped: what is in the file already is measured again only with `--force`, or on another
machine or with other versions. `speed_table.py` makes the table.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from runs import machine

HERE = Path(__file__).parent
OUT = Path(__file__).with_suffix(".json")

TUNED_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}
MALLOC = {"installed": {"MALLOC_PERTURB_": "0"}, "tuned": TUNED_MALLOC}
"""How glibc is set up. Tuned, it keeps freed memory in the process, so that it is not zeroed again:
what suits `transformers`' Longformer best. Any such variable keeps our program from tuning it."""

BASE = "prefprop bench --shape longformer-base"
MINILM = "prefprop bench --shape minilm"
HF = "--against transformers"
BOTH, TUNED, INSTALLED = ("installed", "tuned"), ("tuned",), ("installed",)
# HF's prefix step on the base shape takes half a minute: few repetitions, in turn with ours.
PARTS = {
    "base-forward": (f"{BASE} --lengths 4096 {HF} --warmup 1 --repeat 4 --no-memory", TUNED),
    "base-forward-bf16": (
        f"{BASE} --lengths 4096 {HF} --dtype bfloat16 --warmup 1 --repeat 2 --no-memory",
        TUNED,
    ),
    "base-prefix": (
        f"{BASE} --lengths 4096 --train prefix {HF} --warmup 1 --repeat 3 --no-memory",
        TUNED,
    ),
    "base-memory": (
        f"{BASE} --lengths 4096 --train prefix {HF} --warmup 0 --repeat 1",
        INSTALLED,
    ),
    "base-prefix-bf16": (
        f"{BASE} --lengths 4096 --train prefix {HF} --dtype bfloat16 "
        "--warmup 1 --repeat 1 --no-memory",
        TUNED,
    ),
    "base-prefix-checkpointing": (
        f"{BASE} --lengths 4096 --train prefix -s model.gradient_checkpointing=true "
        "--warmup 0 --repeat 1",
        INSTALLED,
    ),
    "minilm-forward": (f"{MINILM} --lengths 4096 {HF} --warmup 1 --repeat 5 --no-memory", BOTH),
    "minilm-prefix": (
        f"{MINILM} --lengths 4096 --train prefix {HF} --warmup 1 --repeat 5 --no-memory",
        BOTH,
    ),
    "minilm-forward-512": (
        f"{MINILM} --lengths 512 {HF} --warmup 2 --repeat 20 --no-memory",
        BOTH,
    ),
    "minilm-prefix-512": (
        f"{MINILM} --lengths 512 --train prefix {HF} --warmup 2 --repeat 15 --no-memory",
        BOTH,
    ),
    "newsgroups": (
        "python benchmarks/real_lengths.py newsgroups --documents 16 --batch-size 4 --pad-to 4088 "
        "--warmup 1 --repeat 3",
        TUNED,
    ),
    "prefix-and-full": (
        f"{BASE} --lengths 4096 --train prefix,full --warmup 1 --repeat 4 --no-memory",
        TUNED,
    ),
    "table-7": ("python benchmarks/table_7.py --warmup 1 --repeat 9", TUNED),
    "growth": (f"{BASE} --lengths 1024,4096 --warmup 1 --repeat 7 --no-memory", TUNED),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--force", action="store_true")
    asked = parser.parse_args()
    record = begun()
    for name in asked.only or PARTS:
        if name in record["parts"] and not asked.force:
            continue
        if "bf16" in name and not computes_in_bf16() and name not in (asked.only or ()):
            # One emulated step of Longformer-base takes over ten minutes and says nothing.
            print(f"{name}: left out, the processor has no bf16 instructions", file=sys.stderr)
            continue
        command, mallocs = PARTS[name]
        print(f"{name}: {command}", file=sys.stderr)
        record["parts"][name] = measured(command, mallocs)
        OUT.write_text(json.dumps(record, indent=1) + "\n")


def begun() -> dict[str, dict[str, object]]:
    """What is in the file, if it was measured here and with what is installed now."""
    here = {
        "machine": machine(),
        "packages": {name: version(name) for name in ("torch", "transformers")},
    }
    before = json.loads(OUT.read_text()) if OUT.exists() else {}
    same = all(before.get(key) == value for key, value in here.items())
    return here | {"parts": before.get("parts", {}) if same else {}}


def computes_in_bf16() -> bool:
    flags = Path("/proc/cpuinfo").read_text()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def measured(command: str, mallocs: tuple[str, ...]) -> dict[str, object]:
    """The document that a command writes, its rows once for each way to set up malloc."""
    started, rows, document = time.monotonic(), [], {}
    program, *flags = shlex.split(command)
    program = ["-m", "prefprop_cli"] if program == "prefprop" else []
    flags += ["--json"] if program else []
    for malloc in mallocs:
        done = subprocess.run(
            [sys.executable, *program, *flags],
            check=True,
            stdout=subprocess.PIPE,
            cwd=HERE.parent,
            env={**os.environ, **MALLOC[malloc]},
        )
        document = json.loads(done.stdout)
        rows += [{"malloc": malloc, "padding": padding(row), **row} for row in document["rows"]]
    return {
        "command": command,
        "seconds": round(time.monotonic() - started),
        **document,
        "malloc": {malloc: MALLOC[malloc] for malloc in mallocs},
        "rows": rows,
    }


def padding(row: dict[str, object]) -> str:
    return "none" if row["subject"] == "prefprop" else "longest"


if __name__ == "__main__":
    main()
