"""Every figure of the speed table, one `prefprop bench` after another, into `speed.json`.

    python benchmarks/speed.py [--only PART] [--force]

About a quarter of an hour on two cores, which should have nothing else to do. It goes on where it
was stopped: what is in the file already is measured again only with `--force`, or on another
machine or with other versions. `speed_table.py` makes the table.
"""

import argparse
import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from runs import machine

OUT = Path(__file__).with_suffix(".json")

BASE = "--shape longformer-base"
MINILM = "--shape minilm"
TUNED = "--against transformers --malloc tuned"
BOTH = "--against transformers --malloc both"
# HF's prefix step on the base shape takes half a minute: few repetitions, in turn with ours.
PARTS = {
    "base-forward": f"{BASE} --lengths 4096 {TUNED} --warmup 1 --repeat 4 --no-memory",
    "base-forward-bf16": (
        f"{BASE} --lengths 4096 {TUNED} --dtype bfloat16 --warmup 1 --repeat 2 --no-memory"
    ),
    "base-prefix": f"{BASE} --lengths 4096 --train prefix {TUNED} --warmup 1 --repeat 3",
    "base-prefix-bf16": (
        f"{BASE} --lengths 4096 --train prefix {TUNED} --dtype bfloat16 "
        "--warmup 1 --repeat 1 --no-memory"
    ),
    "base-prefix-checkpointing": (
        f"{BASE} --lengths 4096 --train prefix -s model.gradient_checkpointing=true "
        "--malloc installed --warmup 0 --repeat 1"
    ),
    "minilm-forward": f"{MINILM} --lengths 4096 {BOTH} --warmup 1 --repeat 5 --no-memory",
    "minilm-prefix": f"{MINILM} --lengths 4096 --train prefix {BOTH} --warmup 1 --repeat 5",
    "minilm-forward-512": f"{MINILM} --lengths 512 {BOTH} --warmup 2 --repeat 20 --no-memory",
    "minilm-prefix-512": (
        f"{MINILM} --lengths 512 --train prefix {BOTH} --warmup 2 --repeat 15 --no-memory"
    ),
    "newsgroups": (
        f"{MINILM} --like newsgroups --documents 16 --batch-size 4 --pad-to 4088 --train prefix "
        f"{TUNED} --warmup 1 --repeat 3 --no-memory"
    ),
    "prefix-and-full": (
        f"{BASE} --lengths 4096 --train prefix,full --malloc tuned --warmup 1 --repeat 4"
    ),
    "table-7": f"{BASE} --table 7 --malloc tuned --warmup 1 --repeat 9 --no-memory",
    "growth": f"{BASE} --lengths 1024,4096 --malloc tuned --warmup 1 --repeat 7 --no-memory",
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
        print(f"{name}: prefprop bench {PARTS[name]}", file=sys.stderr)
        record["parts"][name] = measured(PARTS[name])
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


def measured(flags: str) -> dict[str, object]:
    started = time.monotonic()
    command = [sys.executable, "-m", "prefprop_cli", "bench", *flags.split(), "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return {
        "command": f"prefprop bench {flags} --json",
        "seconds": round(time.monotonic() - started),
        **json.loads(done.stdout),
    }


if __name__ == "__main__":
    main()
