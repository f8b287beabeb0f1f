"""Pickled weights: tensors are read and kept as safetensors, anything else is refused unopened."""

import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from prefprop_cli.backbones.files import file_sha256
from prefprop_cli.backbones.pickles import CONVERTED, RECORD, converted
from prefprop_cli.errors import CorruptFileError
from tests.helpers.heard import hearing

TENSORS = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2, dtype=torch.float16)}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def written(tmp_path: Path, content: object, **options: object) -> Path:
    torch.save(content, tmp_path / "pytorch_model.bin", **options)
    return tmp_path / "pytorch_model.bin"


class RunsCode:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("it-ran",)


def test_it_is_converted_once_and_both_hashes_are_kept(tmp_path: Path) -> None:
    file = written(tmp_path, TENSORS)
    with hearing() as heard:
        found = converted([file])
        assert converted([file]) == found
    (line,) = heard.notes
    assert "pytorch_model.bin" in line
    assert str(found) in line
    record = json.loads((found.parent / RECORD).read_text())
    assert record["sha256"] == {"pytorch_model.bin": file_sha256(file)}
    manifest = json.loads((found.parent / "MANIFEST.json").read_text())
    assert manifest["files"][CONVERTED]["sha256"] == file_sha256(found)
    assert {n: t.tolist() for n, t in load_file(found).items()} == {
        n: t.tolist() for n, t in TENSORS.items()
    }


def test_another_pickle_is_another_conversion(tmp_path: Path) -> None:
    first = converted([written(tmp_path, TENSORS)])
    second = converted([written(tmp_path, {**TENSORS, "b": torch.zeros(2)})])
    assert first != second
    assert load_file(second)["b"].tolist() == [0, 0]


def test_a_conversion_that_the_disk_changed_is_made_again(tmp_path: Path) -> None:
    file = written(tmp_path, TENSORS)
    found = converted([file])
    data = bytearray(found.read_bytes())
    data[-1] ^= 0x80
    found.write_bytes(data)
    os.utime(found, ns=(1, 1))  # another process would see it without this
    assert load_file(converted([file]))["b"].tolist() == [1, 1]


def test_tied_and_strided_tensors_get_memory_of_their_own(tmp_path: Path) -> None:
    table = torch.arange(6.0).reshape(2, 3)
    content = {"in": table, "out": table, "turned": table.T, "one": torch.nn.Parameter(table)}
    read = load_file(converted([written(tmp_path, content)]))
    assert {name: tensor.tolist() for name, tensor in read.items()} == {
        name: tensor.tolist() for name, tensor in content.items()
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": torch.ones(3), "x": RunsCode()}, r"code or objects \(posix\.mkdir\)"),
        (torch.nn.Linear(2, 2), r"code or objects \(torch\.nn\.modules\.linear\.Linear\)"),
        ({"a": torch.ones(3), "x": object}, r"code or objects \(object\)"),
        ({"state_dict": TENSORS}, "'state_dict' is a dict"),
        ({"a": torch.ones(3), "step": 7}, "'step' is a int"),
        ({3: torch.ones(3)}, "more than plain tensors: 3 is a Tensor"),
        ({"a": torch.ones(3).to_sparse()}, "'a' is a Tensor"),
        ([torch.ones(3)], "no table of tensors"),
        ({}, "no table of tensors"),
        ({"a": torch.ones(1).expand(10**9)}, "claims more numbers than its .* bytes can hold"),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_more_than_tensors_is_refused(
    content: object,
    message: str,
    zipped: bool,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path, content, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CorruptFileError, match=message):
        converted([file])
    assert not Path("it-ran").exists()
    assert not cache.exists()


def damaged(file: Path, kind: str) -> None:
    whole = file.read_bytes()
    if kind == "tar":
        with tarfile.open(file, "w") as archive:
            for name in ("sys_info", "pickle", "tensors", "storages"):
                entry, data = tarfile.TarInfo(name), pickle.dumps({})
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return
    file.write_bytes({"empty": b"", "text": b"no pickle", "cut": whole[: len(whole) // 2]}[kind])


@pytest.mark.parametrize("kind", ["empty", "text", "cut", "tar"])
def test_a_damaged_file_says_so(kind: str, tmp_path: Path) -> None:
    file = written(tmp_path, TENSORS)
    damaged(file, kind)
    message = "format before PyTorch 0.2" if kind == "tar" else "is damaged, or torch.save did not"
    with pytest.raises(CorruptFileError, match=message):
        converted([file])
