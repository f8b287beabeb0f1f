"""Where a backbone is looked for, and the hash of its weights."""

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from prefprop_cli.backbones import load
from prefprop_cli.backbones.files import file_sha256
from prefprop_cli.backbones.load import (
    check_weights,
    find_backbone,
    load_backbone,
    weight_files_sha256,
    weights_sha256,
)
from prefprop_cli.errors import CorruptFileError, DataError
from tests.helpers import tiny
from tests.helpers.forms import FORMS, SAFE, in_form

WORDS = "embeddings.word_embeddings.weight"
QUERY = "encoder.layer.0.attention.self.query.weight"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    return tiny.save(tiny.hugging_face("roberta"), tmp_path / "backbone")


def rewrite(folder: Path, **changed: torch.Tensor) -> None:
    save_file(load_file(folder / SAFE) | changed, folder / SAFE)


@pytest.mark.parametrize("form", FORMS)
def test_the_hash_does_not_depend_on_the_form(form: str, folder: Path, tmp_path: Path) -> None:
    other = in_form(folder, form, tmp_path / "other")
    assert weights_sha256(other) == weights_sha256(folder)
    loaded = load_backbone(other).state_dict()
    assert all(torch.equal(loaded[n], t) for n, t in load_backbone(folder).state_dict().items())


def test_names_with_a_prefix_and_tensors_of_a_head_make_no_other_backbone(folder: Path) -> None:
    before = weights_sha256(folder)
    weights = {f"roberta.{name}": tensor for name, tensor in load_file(folder / SAFE).items()}
    save_file(weights | {"lm_head.bias": torch.ones(3)}, folder / SAFE)
    assert weights_sha256(folder) == before


@pytest.mark.parametrize("change", ["number", "places"])
def test_another_number_makes_another_hash(change: str, folder: Path) -> None:
    before, query = weights_sha256(folder), load_file(folder / SAFE)[QUERY]
    if change == "number":
        query[3, 5] = -query[3, 5]
    else:
        query = query.T.contiguous()
    rewrite(folder, **{QUERY: query})
    assert weights_sha256(folder) != before


def test_the_same_bytes_of_another_type_make_another_hash(folder: Path) -> None:
    words = load_file(folder / SAFE)[WORDS].half()
    rewrite(folder, **{WORDS: words})
    before = weights_sha256(folder)
    rewrite(folder, **{WORDS: words.view(torch.bfloat16)})
    os.utime(folder / SAFE, ns=(1, 1))
    assert weights_sha256(folder) != before


def test_the_hash_is_made_once_as_long_as_the_files_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_read = 0
    original = load.read_weights

    def counted(path: Path) -> dict[str, torch.Tensor]:
        nonlocal n_read
        n_read += 1
        return original(path)

    monkeypatch.setattr(load, "read_weights", counted)
    monkeypatch.chdir(folder)
    assert weights_sha256(folder) == weights_sha256(Path())
    assert n_read == 1
    os.utime(folder / SAFE, ns=(1, 1))
    weights_sha256(folder)
    assert n_read == 2


def test_the_hash_of_older_adapters_is_over_files(tmp_path: Path) -> None:
    names = ("model-1.safetensors", "model-2.safetensors")
    for name in names:
        (tmp_path / name).write_text(f"weights of {name}")
    digests = [bytes.fromhex(file_sha256(tmp_path / name)) for name in names]
    assert weight_files_sha256(tmp_path) == hashlib.sha256(b"".join(digests)).hexdigest()


def test_weights_that_fit_are_checked_without_their_numbers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "read_weights", None)
    check_weights(folder)


def test_weights_that_do_not_fit_the_configuration(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"num_hidden_layers": 3}))
    with pytest.raises(CorruptFileError, match=r"layers\.2"):
        check_weights(folder)


def test_quantised_weights_are_no_weights(folder: Path) -> None:
    rewrite(folder, **{QUERY: torch.ones(32, 32, dtype=torch.int8)})
    with pytest.raises(CorruptFileError, match="quantised"):
        check_weights(folder)


@pytest.mark.parametrize(
    "name", ["./x", "/nowhere/x", "a/b/c", "~/x-nowhere", "owner/", "a@", "a b"]
)
def test_what_can_be_no_name_of_the_hub_is_a_missing_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="there is no such folder"):
        find_backbone(name)


def test_a_file_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(b"")
    with pytest.raises(DataError, match="there is no such folder"):
        find_backbone("weights.bin")
