"""What an evaluation leaves in a run: the logits of a split."""

import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from prefprop_cli.arrays import Ints
from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.runs import write_atomically

_CHECKSUM = "sha256"
_STEP = "validation-step-"


@dataclass(frozen=True)
class SavedLogits:
    """The logits of N documents."""

    ids: tuple[str, ...]
    logits: NDArray[np.float32]
    """(N, C)."""
    labels: Ints
    """(N,)."""
    n_tokens: Ints | None = None
    """(N,) lengths of the documents before any was cut; None in a file of an earlier version."""

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether the largest logit is that of the label; (N,)."""
        return self.logits.argmax(axis=1) == self.labels


def save_logits(folder: Path, split: str, saved: SavedLogits) -> Path:
    """Write the logits of a split to one safetensors file, atomically, and return its path.

    Its header has the ids as JSON; one of its tensors is the sha256 over them and the others.
    """
    tensors: dict[str, NDArray[np.generic]] = {
        "logits": np.ascontiguousarray(saved.logits, np.float32),
        "labels": np.ascontiguousarray(saved.labels, np.int64),
    }
    if saved.n_tokens is not None:
        tensors["n_tokens"] = np.ascontiguousarray(saved.n_tokens, np.int64)
    ids = json.dumps(list(saved.ids))
    folder.mkdir(parents=True, exist_ok=True)
    path = logits_path(folder, split)
    # Not in the header, whose entries the library writes in any order.
    tensors[_CHECKSUM] = _checksum(ids, tensors)
    write_atomically(path, save(tensors, metadata={"ids": ids}))
    return path


def load_logits(folder: Path, split: str) -> SavedLogits:
    """Read what `save_logits` wrote.

    Raises:
        UsageError: the split has not been evaluated.
        CorruptFileError: the file is damaged or is something else, or an earlier version of the
            program wrote it, without a checksum.
    """
    path = logits_path(folder, split)
    if not path.is_file():
        raise UsageError(
            f"no logits of split {split!r}: {path} does not exist. "
            f"Run `{_evaluating(path, split)}` first"
        )
    try:
        saved = _read(path)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise CorruptFileError(_damaged(path, split, str(error))) from error
    columns = (saved.ids, saved.logits, saved.labels, saved.n_tokens)
    if len({len(column) for column in columns if column is not None}) > 1:
        raise CorruptFileError(_damaged(path, split, "ids, logits and labels differ in number"))
    return saved


def is_stored(folder: Path, split: str) -> bool:
    """Return whether a split need not be computed: its logits are there and have a checksum.

    Of a damaged file this is so, too, for `load_logits` to say what is wrong with it.
    """
    path = logits_path(folder, split)
    try:
        with safe_open(path, framework="numpy") as file:
            return _CHECKSUM in list(file.keys())
    except (SafetensorError, OSError):
        return path.exists()


def logits_path(folder: Path, split: str) -> Path:
    """Return where `save_logits` keeps a split."""
    return folder / f"{split}.safetensors"


def step_name(step: int) -> str:
    """Return the name under which the validation logits after an optimizer step are kept."""
    return f"{_STEP}{step:06d}"


def is_step_name(name: str) -> bool:
    """Return whether logits of this name are of a step of the training."""
    return name.startswith(_STEP)


def _read(path: Path) -> SavedLogits:
    with safe_open(path, framework="numpy") as file:
        ids = file.metadata()["ids"]
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
    checksum = tensors.pop(_CHECKSUM, None)
    if checksum is None:
        raise ValueError("it has no checksum; an earlier version wrote it")
    if not np.array_equal(checksum, _checksum(ids, tensors)):
        raise ValueError("it is not what was written")
    return SavedLogits(
        ids=tuple(json.loads(ids)),
        logits=tensors["logits"],
        labels=tensors["labels"],
        n_tokens=tensors.get("n_tokens"),
    )


def _checksum(ids: str, tensors: Mapping[str, NDArray[np.generic]]) -> NDArray[np.uint8]:
    """Over the ids, and name, type, shape and content of each tensor; 32 bytes."""
    digest = hashlib.sha256(ids.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, tensor.dtype.str, tensor.shape]).encode())
        digest.update(tensor.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _evaluating(path: Path, split: str) -> str:
    """The command that makes a file of logits."""
    return f"prefprop eval {shlex.quote(str(path.parent.parent))} --split {split}"


def _damaged(path: Path, split: str, cause: str) -> str:
    again = f"Remove it, and run `{_evaluating(path, split)}`, which computes it again"
    if is_step_name(split):
        again = "It is of a step of the training, and only training anew computes it again"
    return f"{path} is not a file of logits, or is damaged ({cause}). {again}"
