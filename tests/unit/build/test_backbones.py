"""The hash of a backbone's weights; what is loaded is in tests/equivalence."""

import hashlib
import os
from pathlib import Path

import pytest

from prefprop_cli.build import backbones
from prefprop_cli.build.backbones import weights_sha256

NAMES = ("model-1.safetensors", "model-2.safetensors")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_text(f"weights of {name}")
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read, in order."""
    names: list[str] = []
    original = hashlib.file_digest

    def noted(stream, algorithm):
        names.append(Path(stream.name).name)
        return original(stream, algorithm)

    monkeypatch.setattr(backbones.hashlib, "file_digest", noted)
    return names


def by_hand(folder: Path) -> str:
    digests = [hashlib.sha256((folder / name).read_bytes()).digest() for name in NAMES]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def test_files_that_are_as_they_were_are_read_once(
    folder: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert weights_sha256(folder) == weights_sha256(Path()) == by_hand(folder)
    assert read == [*NAMES]


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_changed_file_is_read_again_and_gives_another_hash(
    folder: Path, read: list[str], change: str
) -> None:
    file = folder / NAMES[1]
    before, was = weights_sha256(folder), file.stat()
    content = file.read_text()
    file.write_text(content + "." if change == "size" else content.replace("w", "W"))
    later = was.st_mtime_ns + (1 if change == "time" else 0)
    os.utime(file, ns=(was.st_atime_ns, later))
    assert weights_sha256(folder) == by_hand(folder) != before
    assert read == [*NAMES, NAMES[1]]
