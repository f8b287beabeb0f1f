from pathlib import Path

import pytest

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.seen import keys_of, read_keys, seen
from prefprop_cli.errors import CorruptFileError


def documents(*texts: str) -> list[Document]:
    return [Document(f"doc {number}", text, "a") for number, text in enumerate(texts)]


SPLITS = {
    "train": documents("The war", "peace", "peace", ""),
    "validation": documents("calm"),
    "test": documents("storm"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "texts.json").write_bytes(keys_of(SPLITS))
    return tmp_path / "texts.json"


def test_texts_are_known_again_whatever_their_case_and_white_space(path: Path) -> None:
    new = documents("the\n WAR ", "storm", "calm", "bright", "")
    assert seen(new, read_keys(path)) == ["doc 0", "doc 2"]


def test_a_key_for_each_text_is_kept_and_no_text(path: Path) -> None:
    kept = read_keys(path)
    assert {split: len(keys) for split, keys in kept.items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }
    assert "war" not in path.read_text()


def test_an_earlier_run_has_no_keys(tmp_path: Path) -> None:
    assert seen(SPLITS["train"], read_keys(tmp_path / "texts.json")) == []


def test_a_changed_key_is_noticed(path: Path) -> None:
    data = path.read_bytes()
    place = data.index(b'"train"') + 15
    path.write_bytes(
        data[:place] + (b"0" if data[place : place + 1] != b"0" else b"1") + data[place + 1 :]
    )
    with pytest.raises(CorruptFileError, match=r"texts\.json is damaged"):
        read_keys(path)
