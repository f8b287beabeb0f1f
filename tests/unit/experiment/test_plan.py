"""What is found wrong with a backbone before the data are prepared."""

import json
from pathlib import Path

import pytest

from prefprop_cli.config.load import load_config
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.plan import Plan, make_plan
from tests.helpers import project, tiny


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    """Its embedding has a few rows more than its vocabulary has words, as many have."""
    assert len(project.WORDS) < tiny.VOCAB
    return project.write_backbone(tmp_path / "backbone")


def plan_with(backbone: Path) -> Plan:
    path = project.write_config(
        backbone.parent / "tiny.toml",
        backbone=backbone,
        documents=project.write_documents(backbone.parent / "documents.jsonl", range(4)),
    )
    return make_plan(load_config(preset=str(path)).config)


def add(backbone: Path, *words: str, special: bool) -> None:
    """What `add_tokens` and `save_pretrained` leave, without rows in the embedding."""
    decoder = {
        str(tiny.VOCAB + number): {"content": word, "special": special}
        for number, word in enumerate(words)
    }
    settings = {"added_tokens_decoder": decoder}
    (backbone / "tokenizer_config.json").write_text(json.dumps(settings))


def test_an_embedding_may_have_more_rows_than_the_vocabulary(backbone: Path) -> None:
    tokenizer = plan_with(backbone).tokenizer
    assert tokenizer.highest_id == len(project.WORDS) - 1


@pytest.mark.parametrize("n_words", [tiny.VOCAB + 1, 900])
def test_a_vocabulary_larger_than_the_embedding(n_words: int, backbone: Path) -> None:
    words = [*project.WORDS, *(f"w{number}" for number in range(n_words - len(project.WORDS)))]
    (backbone / "vocab.txt").write_text("\n".join(words) + "\n")
    message = f"highest id is {n_words - 1}, the backbone has {tiny.VOCAB} rows"
    with pytest.raises(DataError, match=message):
        plan_with(backbone)


def test_blank_lines_behind_the_vocabulary_are_no_words(backbone: Path) -> None:
    (backbone / "vocab.txt").write_text("\n".join(project.WORDS) + "\n" * 20)
    assert plan_with(backbone).tokenizer.highest_id == len(project.WORDS) - 1


def test_an_added_word_needs_a_row_and_a_special_token_none(backbone: Path) -> None:
    words = [f"more{number}" for number in range(tiny.VOCAB - len(project.WORDS) + 1)]
    add(backbone, *words, special=True)
    assert plan_with(backbone).tokenizer.vocab_size > tiny.VOCAB
    add(backbone, *words, special=False)
    with pytest.raises(DataError, match=f"highest id is {tiny.VOCAB}, the backbone has"):
        plan_with(backbone)
