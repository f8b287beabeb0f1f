from pathlib import Path

import pytest

from tests.helpers.tokenizer_folders import write_byte_level, write_word_piece


@pytest.fixture
def word_piece_folder(tmp_path: Path) -> Path:
    return write_word_piece(tmp_path / "word_piece")


@pytest.fixture
def byte_level_folder(tmp_path: Path) -> Path:
    return write_byte_level(tmp_path / "byte_level")
