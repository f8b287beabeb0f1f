from pathlib import Path

import pytest

from prefprop_cli.data.tokenizer import TextTokenizer
from tests.helpers.tokenizer_folders import write_byte_level, write_word_piece


@pytest.fixture
def word_piece_folder(tmp_path: Path) -> Path:
    return write_word_piece(tmp_path / "word_piece")


@pytest.fixture
def byte_level_folder(tmp_path: Path) -> Path:
    return write_byte_level(tmp_path / "byte_level")


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextTokenizer, ...]:
    """One of each kind, for tests that change nothing."""
    root = tmp_path_factory.mktemp("tokenizers")
    folders = write_word_piece(root / "word_piece"), write_byte_level(root / "byte_level")
    return tuple(map(TextTokenizer.load, folders))
