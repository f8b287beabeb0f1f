"""What the files of a backbone say is checked first, and goes on with a converted backbone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from tests.helpers import project, tiny

Output = Callable[..., tuple[int, str, str]]


@pytest.fixture
def backbone(tmp_path: Path) -> Path:
    return project.write_backbone(tmp_path / "backbone")


@pytest.fixture
def config(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    documents = project.write_documents(tmp_path / "documents.jsonl", range(12))
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    return project.write_config(tmp_path / "tiny.toml", backbone=backbone, documents=documents)


def rewrite(path: Path, **values: object) -> None:
    old = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(old | values))


def too_many_words(backbone: Path) -> None:
    words = [*project.WORDS, *(f"w{number}" for number in range(tiny.VOCAB))]
    (backbone / "vocab.txt").write_text("\n".join(words) + "\n")


def another_class(backbone: Path) -> None:
    rewrite(backbone / "tokenizer_config.json", tokenizer_class="BertJapaneseTokenizer")


def decoder(backbone: Path) -> None:
    rewrite(backbone / "config.json", is_decoder=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (too_many_words, "the tokenizer's highest id is 70, the backbone has 40 rows"),
        (another_class, "a tokenizer of class BertJapaneseTokenizer cannot be used"),
        (decoder, "is_decoder = true in the backbone's config.json"),
    ],
)
def test_it_is_refused_before_anything_is_made(
    change: Callable[[Path], None], message: str, config: Path, backbone: Path, output: Output
) -> None:
    change(backbone)
    code, out, err = output("train", "-p", config, "--out", "run")
    assert (code, out) == (3, "")
    assert message in err
    assert not Path("run").exists()
    assert {path.name for path in (config.parent / "cache").glob("*")} <= {"native"}


def test_a_converted_backbone_is_read_alike_by_transformers(
    config: Path, backbone: Path, output: Output
) -> None:
    code, out, _ = output("prepare", "-p", config, "--json")
    assert code == 0
    long = json.loads(out)["backbone"]
    assert json.loads((Path(long) / "config.json").read_text())["model_type"] == "longformer"
    text = " ".join(map(project.text, range(4)))
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (backbone, long)]
    first, second = (tokenizer(text)["input_ids"] for tokenizer in tokenizers)
    assert first == second
    rewrite(backbone / "tokenizer_config.json", do_lower_case=False)
    other = json.loads(output("prepare", "-p", config, "--json")[1])["backbone"]
    assert other != long
    config.write_text(config.read_text().replace(str(backbone), long).replace("to_long = 64\n", ""))
    assert output("train", "-p", config)[0] == 0
