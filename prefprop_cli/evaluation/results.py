"""What an evaluation leaves in a run: the logits of a split."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.evaluation.predictions import Ints
from prefprop_cli.runs import write_atomically


@dataclass(frozen=True)
class SavedLogits:
    """The logits of N documents.

    Attributes:
        ids: N.
        logits: (N, C) float32.
        labels: (N,) int64.
        n_tokens: (N,) int64, lengths of the documents before any was cut; None where an earlier
            version of the program wrote the file.
    """

    ids: tuple[str, ...]
    logits: NDArray[np.float32]
    labels: Ints
    n_tokens: Ints | None = None


def save_logits(folder: Path, split: str, saved: SavedLogits) -> Path:
    """Write the logits of a split to one safetensors file, ids as JSON in its header, atomically.

    Args:
        folder: made if it is absent.
        split: file name without its ending.
        saved: what to write.

    Returns:
        The file written.
    """
    tensors = {
        "logits": np.ascontiguousarray(saved.logits, np.float32),
        "labels": np.ascontiguousarray(saved.labels, np.int64),
    }
    if saved.n_tokens is not None:
        tensors["n_tokens"] = np.ascontiguousarray(saved.n_tokens, np.int64)
    folder.mkdir(parents=True, exist_ok=True)
    path = logits_path(folder, split)
    write_atomically(path, save(tensors, metadata={"ids": json.dumps(list(saved.ids))}))
    return path


def load_logits(folder: Path, split: str) -> SavedLogits:
    """Read what `save_logits` wrote.

    Raises:
        UsageError: the split has not been evaluated.
        CorruptFileError: the file is damaged or is something else.
    """
    path = logits_path(folder, split)
    if not path.is_file():
        raise UsageError(
            f"no logits of split {split!r}: {path} does not exist. "
            f"Run `prefprop eval RUN --split {split}` first"
        )
    try:
        saved = _read(path)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(_damaged(path, split, str(error))) from error
    columns = (saved.ids, saved.logits, saved.labels, saved.n_tokens)
    if len({len(column) for column in columns if column is not None}) > 1:
        raise CorruptFileError(_damaged(path, split, "ids, logits and labels differ in number"))
    return saved


def logits_path(folder: Path, split: str) -> Path:
    """Where `save_logits` keeps a split."""
    return folder / f"{split}.safetensors"


def step_name(step: int) -> str:
    """The name under which the validation logits after an optimizer step are kept."""
    return f"validation-step-{step:06d}"


def _read(path: Path) -> SavedLogits:
    with safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        return SavedLogits(
            ids=tuple(json.loads(file.metadata()["ids"])),
            logits=file.get_tensor("logits"),
            labels=file.get_tensor("labels"),
            n_tokens=file.get_tensor("n_tokens") if "n_tokens" in names else None,
        )


def _damaged(path: Path, split: str, cause: str) -> str:
    return (
        f"{path} is not a file of logits, or is damaged ({cause}). "
        f"Run `prefprop eval RUN --split {split}` again"
    )
