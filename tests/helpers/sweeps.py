"""A sweep of a small project, and what its folder shows."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.helpers import project


def write_sweep(folder: Path, sweep: str, **train: object) -> Path:
    """A configuration with a table `[sweep]`, its backbone and its documents."""
    backbone = folder / "backbone"
    if not backbone.exists():
        project.write_backbone(backbone)
        project.write_documents(folder / "documents.jsonl", range(48))
    config = project.write_config(
        folder / "tiny.toml", backbone=backbone, documents=folder / "documents.jsonl", **train
    )
    with config.open("a") as file:
        file.write(f"[sweep]\n{sweep}\n")
    return config


def runs(out: Path) -> dict[str, Path]:
    """Run folders of a sweep by the settings in their names."""
    return {path.name.rpartition("-")[0]: path for path in sorted((out / "runs").iterdir())}


def steps(run: Path) -> list[int]:
    """Steps of a run, as logged."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row["step"] for row in rows if "loss" in row]


def starts(run: Path) -> list[str]:
    """How often training began or went on: the lines that say so."""
    lines = (run / "train.log").read_text().splitlines()
    return [line for line in lines if " training" in line]


def manifest(run: Path) -> Mapping[str, object]:
    found: Mapping[str, object] = json.loads((run / "manifest.json").read_text())
    return found
