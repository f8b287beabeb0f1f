"""Write the figures of a finished run, its command, versions and machine, to one JSON file.

    python benchmarks/record_run.py RUN benchmarks/NAME.json

Run `prefprop train ...` and `prefprop calibrate RUN` first.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path


def main(run: Path, out: Path) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    record = {
        "command": " ".join(map(without_folders, manifest["argv"])),
        "machine": machine(),
        **{key: manifest[key] for key in ("packages", "device", "seed", "seconds", "best_step")},
        "steps": sum("loss" in row for row in rows(run)),
        "loss": losses(run),
        "validation": [
            {"step": row["step"], **row["validation"]} for row in rows(run) if "validation" in row
        ],
        "test": evaluation(run),
        "calibration": calibration(run),
    }
    record["test"].pop("run")
    out.write_text(json.dumps(record, indent=1) + "\n")


def calibration(run: Path) -> dict[str, object]:
    """The calibrator, and the scores before and after it beside what chance gives."""
    found = json.loads((run / "calibration" / "test.json").read_text())
    kept = ("scores", "null", "null_paper")
    states = {when: {key: found[when][key] for key in kept} for when in ("before", "after")}
    return {"calibrator": found["calibration"]["calibrator"], "n": found["n"], **states}


def without_folders(argument: str) -> str:
    key, separator, value = argument.rpartition("=")
    return key + separator + (Path(value).name if "/" in value else value)


def rows(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run: Path) -> dict[str, float]:
    """Mean training loss of the first and the last twenty steps."""
    values = [row["loss"] for row in rows(run) if "loss" in row]
    return {"first_20": sum(values[:20]) / 20, "last_20": sum(values[-20:]) / 20}


def evaluation(run: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "prefprop_cli", "eval", str(run), "--json", "-q"],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def machine() -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return {
        "processor": next(line.split(": ")[1] for line in lines if line.startswith("model name")),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
