"""What the cache of huggingface_hub, which programs share, has kept of a repository."""

from pathlib import Path
from typing import Literal

Kind = Literal["models", "datasets"]


def kept_of(repository: str, kind: Kind) -> Path:
    """Return the folder of a repository in the cache, which need not be there."""
    from huggingface_hub import constants

    name = "--".join([kind, *repository.split("/")])
    return Path(constants.HF_HUB_CACHE).expanduser() / name


def last_commit(repository: str, revision: str, kind: Kind) -> str | None:
    """Return the commit that a revision stood for when any program last asked."""
    try:
        return (kept_of(repository, kind) / "refs" / revision).read_text().strip()
    except (OSError, ValueError):
        return None
