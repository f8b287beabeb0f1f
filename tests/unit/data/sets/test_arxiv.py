from pathlib import Path

import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.data.sets import hub


def test_class_folders_are_divided_and_long_papers_cut(tmp_path: Path) -> None:
    for label in ("cs.AI", "math.GR"):
        (tmp_path / label).mkdir()
        for i in range(20):
            text = f"{label} {i} " + "x" * (30_000 if i == 0 else 10)
            (tmp_path / label / f"{i}.txt").write_text(text)
    corpus = read_corpus(DataTable(set="arxiv", source=str(tmp_path)))
    assert corpus.name == "arxiv"
    assert corpus.labels == ("cs.AI", "math.GR")
    assert [len(part) for part in corpus.splits.values()] == [32, 4, 4]
    lengths = sorted(len(d.text) for part in corpus.splits.values() for d in part)
    assert lengths[-3] < 30_000
    assert lengths[-2:] == [30_000, 30_000]
    assert corpus.notes[-1] == "2 of 40 papers cut at 30,000 characters"


def test_without_source_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name: str, configuration: str, table: DataTable) -> Corpus:
        asked.append((name, configuration))
        papers = [Document(str(i), "x" * 30_000, "ab"[i]) for i in range(2)]
        return Corpus(name, {"train": papers, "test": papers}, ("b", "a"), {})

    monkeypatch.setattr(hub, "load", load)
    corpus = read_corpus(DataTable(set="arxiv"))
    assert asked == [("ccdv/arxiv-classification", "no_ref")]
    assert corpus.labels == ("b", "a")
    assert corpus.notes[0] == "0 of 4 papers cut at 30,000 characters"
