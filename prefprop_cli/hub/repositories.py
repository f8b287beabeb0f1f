"""Repositories of the Hugging Face hub: their names, and what the shared cache has of them."""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

Kind = Literal["models", "datasets"]
_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def split_name(name: str) -> tuple[str, str | None]:
    """Split `owner/name@refs/pr/1` into repository and revision; a name alone has no revision."""
    repository, at, revision = name.partition("@")
    return repository, revision if at else None


def is_repository(name: str) -> bool:
    """Tell whether this may be a repository, `name` or `owner/name`, without a revision."""
    return _REPOSITORY.fullmatch(name) is not None and not set(name.split("/")) & {".", ".."}


def is_commit(revision: str | None) -> bool:
    """Tell whether a revision is a whole commit hash: what it names never changes."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def last_commit(repository: str, revision: str, kind: Kind) -> str | None:
    """Return the commit that a revision stood for when any program last asked."""
    try:
        return (_kept(repository, kind) / "refs" / revision).read_text().strip()
    except (OSError, ValueError):
        return None


def snapshot(repository: str, commit: str, kind: Kind) -> Path | None:
    """Return the folder of a commit in the cache; each file in it is whole."""
    folder = _kept(repository, kind) / "snapshots" / commit
    return folder if is_commit(commit) and folder.is_dir() else None


def kept_models() -> Mapping[str, str]:
    """Return the models of which the cache has configuration and weights, with their types."""
    found = {}
    for folder in sorted(_cache().glob("models--*--*")):
        for commit in folder.glob("snapshots/*"):
            weights = [*commit.glob("*.safetensors"), *commit.glob("pytorch_model*.bin")]
            with suppress(OSError, ValueError, KeyError, TypeError):
                if any(file.exists() for file in weights):
                    config = json.loads((commit / "config.json").read_bytes())
                    found["/".join(folder.name.split("--")[1:])] = str(config["model_type"])
    return found


def _kept(repository: str, kind: Kind) -> Path:
    return _cache() / "--".join([kind, *repository.split("/")])


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()
