"""Two finished runs: one on texts, one on questions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from prefprop_cli.cli.app import main
from tests.helpers import project

QUESTION = {"id": "q", "query": "vowel_of k", "candidates": ["a", "b"], "supports": ["k a k"]}


@dataclass(frozen=True)
class Runs:
    texts: Path
    questions: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """One that reads the columns `body` and `kind` of its table, and one on questions."""
    folder = tmp_path_factory.mktemp("predict")
    backbone = project.write_backbone(folder / "backbone")
    rows = [f"{project.text(n)}\t{project.LABELS[n % 2]}\t{n}\n" for n in range(32)]
    (folder / "own.tsv").write_text("body\tkind\tauthor\n" + "".join(rows))
    (folder / "wikihop").mkdir()
    for name in ("train", "dev"):
        answered = [QUESTION | {"id": f"{name}{k}", "answer": "a"} for k in range(4)]
        (folder / "wikihop" / f"{name}.json").write_text(json.dumps(answered))
    columns = 'text_column = "body"\nlabel_column = "kind"\ngroup_column = "author"'
    texts = _config(folder / "texts.toml", backbone, folder / "own.tsv", columns, "nll")
    asked = 'set = "wikihop"\nsplit = "dev"'
    questions = _config(folder / "questions.toml", backbone, folder / "wikihop", asked, "accuracy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFPROP_CACHE", str(folder / "cache"))
        patch.delenv("PREFPROP_RUN", raising=False)
        for config in (texts, questions):
            out = folder / config.stem
            assert main(["train", "-p", str(config), "--out", str(out), "-q"]) == 0
        yield Runs(folder / "texts", folder / "questions")


def _config(path: Path, backbone: Path, source: Path, data: str, metric: str) -> Path:
    written = project.write_config(
        path, backbone=backbone, documents=source, epochs=1, max_steps=2, metric=metric
    )
    written.write_text(written.read_text().replace("[data]\n", f"[data]\n{data}\n"))
    return written
