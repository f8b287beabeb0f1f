"""One backbone folder with its weights in each form that repositories have them in."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

SAFE, PICKLE = "model.safetensors", "pytorch_model.bin"
FORMS = ("safetensors", "shards", "pickle", "legacy pickle", "pickle shards")


def in_form(folder: Path, form: str, target: Path) -> Path:
    """A copy of a folder with model.safetensors, its weights in another form."""
    shutil.copytree(folder, target)
    if form == "safetensors":
        return target
    weights = load_file(target / SAFE)
    (target / SAFE).unlink()
    if form == "shards":
        names = shard(target, sorted(weights), SAFE)
        for file, part in names.items():
            save_file({name: weights[name].clone() for name in part}, target / file)
    elif form == "pickle shards":
        for file, part in shard(target, sorted(weights), PICKLE).items():
            torch.save({name: weights[name].clone() for name in part}, target / file)
    else:
        zipped = form == "pickle"
        torch.save(weights, target / PICKLE, _use_new_zipfile_serialization=zipped)
    return target


def shard(folder: Path, tensors: list[str], file: str) -> dict[str, list[str]]:
    """Write the index of two shards; the tensors of each."""
    stem, suffix = file.split(".")
    names = [f"{stem}-0000{number}-of-00002.{suffix}" for number in (1, 2)]
    parts = {names[0]: tensors[::2], names[1]: tensors[1::2]}
    table = {name: shard for shard, part in parts.items() for name in part}
    index = {"metadata": {"total_size": 1}, "weight_map": table}
    (folder / f"{file}.index.json").write_text(json.dumps(index))
    return parts
