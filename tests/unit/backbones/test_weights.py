"""Weight files in each form; what an index may name; what is refused before a number is read."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from prefprop_cli.backbones.weights import published_files, read_weights, weight_shapes
from prefprop_cli.errors import CorruptFileError, DataError
from tests.helpers.forms import FORMS, PICKLE, SAFE, in_form

INDEX = SAFE + ".index.json"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "safe"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    tensors = {name: torch.randn(3, 4, generator=generator) for name in "abcde"}
    save_file(tensors, folder / SAFE)
    return folder


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> bool:
    assert found.keys() == expected.keys()
    return all(torch.equal(found[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_tensors(form: str, folder: Path, tmp_path: Path) -> None:
    expected = load_file(folder / SAFE)
    path = in_form(folder, form, tmp_path / "form")
    assert same(read_weights(path), expected)
    shapes = weight_shapes(path)
    assert {name: tensor.shape for name, tensor in shapes.items()} == {
        name: tensor.shape for name, tensor in expected.items()
    }
    assert all(tensor.is_meta and tensor.dtype == torch.float32 for tensor in shapes.values())


def test_other_files_of_the_folder_are_not_read(folder: Path, tmp_path: Path) -> None:
    """Adapters, parts of an earlier save, a second precision: they lie beside the weights."""
    for number, form in enumerate(("safetensors", "shards")):
        path = in_form(folder, form, tmp_path / str(number))
        save_file({"a": torch.full((3, 4), 9.0)}, path / "model_fp16.safetensors")
        save_file({"a": torch.full((3, 4), 9.0)}, path / "model-00001-of-00007.safetensors")
        assert same(read_weights(path), load_file(folder / SAFE))


def test_the_order_is_that_of_transformers(folder: Path, tmp_path: Path) -> None:
    path = in_form(folder, "shards", tmp_path / "all")
    (path / PICKLE).write_bytes(b"never read")
    assert [file.name for file in published_files(path)] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    (path / SAFE).write_bytes((folder / SAFE).read_bytes())
    assert published_files(path) == [path / SAFE]


def test_a_missing_shard_is_named(folder: Path, tmp_path: Path) -> None:
    path = in_form(folder, "shards", tmp_path / "shards")
    (path / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(DataError, match=r"lacks model-00002-of-00002\.safetensors, one of 2"):
        weight_shapes(path)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../secret.safetensors",
            "/etc/model.safetensors",
            "sub/m.safetensors",
            "m.bin",
            "..",
            "",
        ),
        *(
            "..\\secret.safetensors",
            "C:m.safetensors",
            "m" * 300 + ".safetensors",
            "\ud800.safetensors",
            3,
        ),
    ],
)
def test_an_index_names_files_beside_it_only(name: object, folder: Path, tmp_path: Path) -> None:
    path = in_form(folder, "shards", tmp_path / "shards")
    index = json.loads((path / INDEX).read_text())
    index["weight_map"]["a"] = name
    (path / INDEX).write_text(json.dumps(index))
    with pytest.raises(CorruptFileError, match=r"which is no \.safetensors file beside it"):
        weight_shapes(path)


@pytest.mark.parametrize("content", ["{}", '{"weight_map": []}', '{"weight_map": {}}', "[", "[1]"])
def test_a_damaged_index(content: str, folder: Path, tmp_path: Path) -> None:
    path = in_form(folder, "shards", tmp_path / "shards")
    (path / INDEX).write_text(content)
    with pytest.raises(CorruptFileError, match=INDEX.replace(".", r"\.")):
        weight_shapes(path)


def test_a_tensor_that_the_index_promises_and_no_shard_has(folder: Path, tmp_path: Path) -> None:
    path = in_form(folder, "shards", tmp_path / "shards")
    index = json.loads((path / INDEX).read_text())
    index["weight_map"]["z"] = "model-00001-of-00002.safetensors"
    (path / INDEX).write_text(json.dumps(index))
    with pytest.raises(CorruptFileError, match="names z, which is in none of its files"):
        weight_shapes(path)


def test_a_tensor_in_two_shards_is_no_matter_of_luck(folder: Path, tmp_path: Path) -> None:
    path = in_form(folder, "shards", tmp_path / "shards")
    first = path / "model-00001-of-00002.safetensors"
    save_file(load_file(first) | {"b": torch.zeros(3, 4)}, first)
    with pytest.raises(CorruptFileError, match="b is in more than one of its weight files"):
        weight_shapes(path)


@pytest.mark.parametrize("form", ["safetensors", "shards", "pickle", "pickle shards"])
def test_a_pointer_of_git_lfs_is_told_apart(form: str, folder: Path, tmp_path: Path) -> None:
    path = in_form(folder, form, tmp_path / "clone")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 123\n"
    published_files(path)[-1].write_text(pointer)
    with pytest.raises(CorruptFileError, match=r"is a Git LFS pointer.*run: git lfs pull"):
        weight_shapes(path)


def test_weights_of_other_kinds_are_named(tmp_path: Path) -> None:
    (tmp_path / "tf_model.h5").write_bytes(b"x")
    with pytest.raises(DataError, match=r"no model\.safetensors.*tf_model\.h5 is of another kind"):
        published_files(tmp_path)


def test_numbers_that_are_no_floats_are_marked(folder: Path) -> None:
    save_file({"a": torch.zeros(2, dtype=torch.int8), "b": torch.zeros(2).half()}, folder / SAFE)
    shapes = weight_shapes(folder)
    assert not shapes["a"].is_floating_point()
    assert shapes["b"].dtype == torch.float16
