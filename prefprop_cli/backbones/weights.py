"""The weight files of a backbone folder, in each form that `transformers` writes or has written."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import TypeGuard

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from prefprop_cli.backbones.files import read_json, refuse_pointer
from prefprop_cli.backbones.pickles import converted
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.words import listed

SAFETENSORS, PICKLE = "model.safetensors", "pytorch_model.bin"
INDEX = ".index.json"
_LONGEST_NAME = 255
_FLOATS = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
_OTHERS = ("*.safetensors", "*.bin", "*.h5", "*.msgpack", "*.ckpt*", "*.pt", "*.pth", "*.onnx")


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder's weight files, under the names they have there.

    Raises:
        DataError: there are no weights, or some are missing.
        CorruptFileError: a file is damaged, or a pickle with more than tensors.
        ResourceError: the cache, which keeps a converted pickle, cannot be written.
    """
    weights: dict[str, Tensor] = {}
    for file in weight_files(folder):
        with _reading(file):
            weights.update(load_file(file))
    return weights


def weight_shapes(folder: Path) -> dict[str, Tensor]:
    """The same without reading them: tensors that have a shape and no content.

    Numbers of any type but float16, bfloat16, float32 and float64 are bytes here. Raises as
    `read_weights`; besides, a tensor may be in two files, or in none that the index names.
    """
    files = weight_files(folder)
    shapes: dict[str, Tensor] = {}
    for file in files:
        with _reading(file), safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - it is no dictionary
                if name in shapes:
                    raise CorruptFileError(
                        f"{folder}: {name} is in more than one of its weight files"
                    )
                entry = tensors.get_slice(name)
                dtype = _FLOATS.get(entry.get_dtype(), torch.uint8)
                shapes[name] = torch.empty(entry.get_shape(), dtype=dtype, device="meta")
    index = folder / (SAFETENSORS + INDEX)
    promised = set()
    if files[0].name != SAFETENSORS and index.is_file():
        promised = {*_weight_map(index)}
    if missing := sorted(promised - shapes.keys()):
        raise CorruptFileError(f"{index} names {missing[0]}, which is in none of its files")
    return shapes


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold a folder's weights; a pickle is converted first.

    In the order of `transformers`: one file, else the shards that an index names; safetensors,
    else a pickle. Raises as `read_weights`.
    """
    files = published_files(folder)
    if files[0].suffix != ".safetensors":
        files = [converted(files)]
    for file in files:
        refuse_pointer(file)
    return files


def published_files(folder: Path) -> list[Path]:
    """The weight files of a folder as they lie there, whatever is in them.

    Raises:
        DataError: there are none, or a shard is missing.
        CorruptFileError: an index is damaged.
    """
    for name in (SAFETENSORS, PICKLE):
        if (folder / name).is_file():
            return [folder / name]
        index = folder / (name + INDEX)
        if index.is_file():
            shards = [folder / shard for shard in shard_names(index)]
            if missing := [shard.name for shard in shards if not shard.is_file()]:
                raise DataError(
                    f"{folder} lacks {missing[0]}, one of {len(shards)} weight files that "
                    f"{index.name} names. Download it again"
                )
            return shards
    others = sorted({file.name for pattern in _OTHERS for file in folder.glob(pattern)})
    instead = (
        f", its shards or pytorch_model.bin; {listed(others)} is of another kind. Write it "
        "with transformers: model.save_pretrained(NEW_FOLDER)"
    )
    raise DataError(f"{folder} has no model.safetensors{instead if others else ''}")


def shard_names(index: Path) -> list[str]:
    """The files that an index names, each once and in order.

    Raises:
        CorruptFileError: it is no index, or names what is no file of its own folder.
    """
    return sorted(set(_weight_map(index).values()))


def _weight_map(index: Path) -> Mapping[str, str]:
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not table:
        raise CorruptFileError(f"{index} has no weight_map, the table of tensors and their files")
    suffix = Path(index.name.removesuffix(INDEX)).suffix
    for name in table.values():
        if not _is_plain(name) or not name.endswith(suffix):
            raise CorruptFileError(f"{index} names {name!r}, which is no {suffix} file beside it")
    return table


def _is_plain(name: object) -> TypeGuard[str]:
    """Whether every system, and the hub's client, takes it for the name of a file and no path."""
    if not isinstance(name, str) or PureWindowsPath(name).name != name:
        return False
    return name.isascii() and name.isprintable() and len(name) <= _LONGEST_NAME


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except SafetensorError as error:
        raise CorruptFileError(f"{file} is not a whole safetensors file: {error}") from error
