from collections.abc import Iterator

import pytest

from prefprop_cli.data.tokenizer import TextTokenizer
from tests.helpers.ranks import Ranks
from tests.helpers.tokenizer_folders import write_byte_level, write_word_piece


@pytest.fixture(scope="session")
def ranks() -> Iterator[Ranks]:
    """Two processes for all tests that need several: to start them takes seconds."""
    with Ranks.start(2) as both:
        yield both


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> tuple[TextTokenizer, ...]:
    """One of each kind, for tests that change nothing."""
    root = tmp_path_factory.mktemp("tokenizers")
    folders = write_word_piece(root / "word_piece"), write_byte_level(root / "byte_level")
    return tuple(map(TextTokenizer.load, folders))
