"""Weights that are published as a pickle only: read without running it, kept as safetensors.

The unpickler of `torch.load(weights_only=True)` builds tensors and plain containers, nothing else.
What it reads is converted once into the cache, under the hash of the pickle, beside a manifest
with the hash of what was written; from then on the pickle is only hashed.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from prefprop_cli.backbones.files import file_sha256, refuse_pointer
from prefprop_cli.cache import default_cache
from prefprop_cli.errors import CorruptFileError
from prefprop_cli.notes import note
from prefprop_cli.runs.atomic import MANIFEST, read_verified, save_folder

CONVERTED = "model.safetensors"
RECORD = "converted_from.json"
_OBJECT = re.compile(r"GLOBAL ([\w.]+)|(?:Can only|Trying to).*?<class '([\w.]+)'>")


def converted(pickles: Sequence[Path]) -> Path:
    """The safetensors file with the tensors of these pickles, made where the cache has none.

    Raises:
        CorruptFileError: a pickle is damaged, or holds more than tensors.
        ResourceError: the cache cannot be written.
    """
    digests = {file.name: file_sha256(file) for file in pickles}
    key = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    folder = default_cache() / "weights" / key[:32]
    if not _is_whole(folder):
        tensors: dict[str, Tensor] = {}
        for file in pickles:
            tensors.update(_read(file))
        record = json.dumps({"sha256": digests}, indent=1).encode()
        files = {CONVERTED: save(tensors, {"format": "pt"}), RECORD: record}
        if _is_whole(folder):  # by now: another process that started with us reads it
            return folder / CONVERTED
        save_folder(folder, files)
        note(
            f"weights: {', '.join(digests)} of {pickles[0].parent}, a pickle, read without running "
            f"it and converted once to {folder / CONVERTED}"
        )
    return folder / CONVERTED


def _is_whole(folder: Path) -> bool:
    """Whether an earlier conversion is there, as it was written."""
    try:
        return (folder / MANIFEST).is_file() and _verified(
            folder, (folder / CONVERTED).stat().st_mtime_ns
        )
    except OSError:
        return False


@cache
def _verified(folder: Path, mtime_ns: int) -> bool:
    try:
        read_verified(folder)
    except CorruptFileError:
        return False
    return True


def _read(file: Path) -> dict[str, Tensor]:
    """The tensors of a pickle, each with memory of its own."""
    refuse_pointer(file)
    try:
        content = torch.load(
            file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
        )
    except (MemoryError, OSError):
        raise
    except Exception as error:  # the unpickler meets bytes that anybody may have written
        raise _refusal(file, error) from error
    _check(file, content)
    return {name: tensor.detach().clone().contiguous() for name, tensor in content.items()}


def _check(file: Path, content: object) -> None:
    """Refuse all but a table of plain tensors that take about as much as the file holds."""
    if not isinstance(content, dict) or not content:
        raise CorruptFileError(f"{file} holds no table of tensors. {_WAY_OUT}")
    for name, tensor in content.items():
        plain = isinstance(tensor, Tensor) and not tensor.is_quantized
        if not isinstance(name, str) or not plain or tensor.layout != torch.strided:
            raise CorruptFileError(
                f"{file} holds more than plain tensors: {name!r} is a {type(tensor).__name__}. "
                f"{_WAY_OUT}"
            )
    # Tensors may share memory, as tied weights do; a few bytes may also claim to be terabytes.
    size = file.stat().st_size
    if sum(tensor.nbytes for tensor in content.values()) > 4 * size:
        raise CorruptFileError(f"{file} claims more numbers than its {size:,} bytes can hold")


def _refusal(file: Path, error: Exception) -> CorruptFileError:
    text = str(error)
    if named := _OBJECT.search(text):
        return CorruptFileError(
            f"{file} holds code or objects ({named[1] or named[2]}), not only tensors, and is not "
            f"opened. {_WAY_OUT}"
        )
    if ".tar format" in text:
        return CorruptFileError(f"{file} is of the format before PyTorch 0.2. {_WAY_OUT}")
    return CorruptFileError(
        f"{file} is damaged, or torch.save did not write it. Download it again; or use another "
        "revision, as in NAME@REVISION"
    )


_WAY_OUT = (
    "Convert it once, where you trust it: `AutoModel.from_pretrained(FOLDER).save_pretrained"
    "(NEW_FOLDER)` writes model.safetensors; or name a hub revision that has it, as in "
    "NAME@REVISION"
)
