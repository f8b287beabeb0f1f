import io
import os
from pathlib import Path

import pytest

from prefprop_cli.backbones import files
from prefprop_cli.backbones.files import file_sha256


def test_a_file_is_hashed_once_as_long_as_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "weights.bin"
    file.write_bytes(b"some")
    read: list[str] = []
    digest = files.hashlib.file_digest

    def noted(stream: io.BufferedReader, name: str) -> object:
        read.append(name)
        return digest(stream, name)

    monkeypatch.setattr(files.hashlib, "file_digest", noted)
    before = file_sha256(file)
    assert file_sha256(file) == before
    assert len(read) == 1
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(1, 1))
    assert file_sha256(file) != before
