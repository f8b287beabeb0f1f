import json
from pathlib import Path

import pytest
from tokenizers.pre_tokenizers import ByteLevel

from prefprop_cli.data.tokenizer import TextTokenizer

WORDS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "state", "of", "union", "war"),
    *("peace", "tax", "rail", "##road", "##s", "law", "tele", "##graph", "##time", "pad", "cls"),
    *("sep", "mask", "un", "##k", "ent", "uber", "s", "x", "##x", *"!'(),-./:;<>?[]"),
)


def write_word_piece(folder: Path) -> Path:
    """Write a BERT tokenizer of a few words, as vocab.txt."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return folder


def write_byte_level(folder: Path) -> Path:
    """Write a RoBERTa tokenizer with all bytes and a few merges, as vocab.json and merges.txt."""
    merges = ["t h", "th e", "Ġ the", "s t", "a t", "Ġ w", "a r", "Ġw ar", "Ġ Ġ"]
    merged = [merge.replace(" ", "") for merge in merges]
    words = ["<s>", "<pad>", "</s>", "<unk>", *sorted(ByteLevel.alphabet()), *merged, "<mask>"]
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "config.json").write_text(json.dumps({"model_type": "roberta"}))
    return folder


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
