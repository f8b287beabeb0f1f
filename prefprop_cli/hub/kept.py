"""What the cache of huggingface_hub, which programs share, has kept of a repository."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

Kind = Literal["models", "datasets"]


def kept_of(repository: str, kind: Kind) -> Path:
    """Return the folder of a repository in the cache, which need not be there."""
    name = "--".join([kind, *repository.split("/")])
    return _cache() / name


def kept_models() -> Mapping[str, str]:
    """Return the models of which the cache has configuration and weights, with their types."""
    found = {}
    for folder in sorted(_cache().glob("models--*--*")):
        name = "/".join(folder.name.split("--")[1:])
        for snapshot in folder.glob("snapshots/*"):
            weights = [*snapshot.glob("*.safetensors"), *snapshot.glob("pytorch_model*.bin")]
            with suppress(OSError, ValueError, KeyError, TypeError):
                if any(file.exists() for file in weights):
                    found[name] = str(
                        json.loads((snapshot / "config.json").read_bytes())["model_type"]
                    )
    return found


def last_commit(repository: str, revision: str, kind: Kind) -> str | None:
    """Return the commit that a revision stood for when any program last asked."""
    try:
        return (kept_of(repository, kind) / "refs" / revision).read_text().strip()
    except (OSError, ValueError):
        return None


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()
