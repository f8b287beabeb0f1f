"""Write the figures of a finished run, its command, versions and machine, to one JSON file.

    python benchmarks/record_run.py RUN benchmarks/NAME.json

Run `prefprop train ...` and `prefprop calibrate RUN` first.
"""

import json
import sys
from pathlib import Path

from runs import machine, manifest, prefprop, rows


def main(run: Path, out: Path) -> None:
    made = manifest(run)
    record = {
        "command": " ".join(map(without_folders, made["argv"])),
        "machine": machine(),
        **{key: made[key] for key in ("packages", "device", "seed", "seconds", "best_step")},
        "steps": sum("loss" in row for row in rows(run)),
        "loss": losses(run),
        "validation": [
            {"step": row["step"], **row["validation"]} for row in rows(run) if "validation" in row
        ],
        "test": json.loads(prefprop("eval", str(run), "--json")),
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


def losses(run: Path) -> dict[str, float]:
    """Mean training loss of the first and the last twenty steps."""
    values = [row["loss"] for row in rows(run) if "loss" in row]
    return {"first_20": sum(values[:20]) / 20, "last_20": sum(values[-20:]) / 20}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
