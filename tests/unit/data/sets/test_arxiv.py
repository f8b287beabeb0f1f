import json
from pathlib import Path

import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.errors import DataError
from tests.helpers.hub import Hub
from tests.helpers.hub_sets import parquet

NAME = "ccdv/arxiv-classification"
FIELDS = ["math.AC", "cs.CV", "cs.AI"]


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
    assert corpus.facts[-1] == "2 of 40 papers cut at 30,000 characters"


@pytest.mark.parametrize("form", ["script", "card"])
def test_without_source_the_hub_is_asked(sets_hub: Hub, form: str) -> None:
    """As a data set with a loading script, of which the conversion is read, or as files."""
    papers = {"train": [0, 1, 2] * 10, "validation": [0, 1], "test": [2, 0]}
    files = {
        f"{configuration}/{split}/0000.parquet": parquet(labels, names=names, part="x" * size)
        for configuration, names, size in (("no_ref", FIELDS, 30_000), ("default", "abc", 3))
        for split, labels in papers.items()
    }
    if form == "script":
        sets_hub.add_dataset(NAME, {"arxiv-classification.py": "", "train_data.txt": ""})
        sets_hub.add_dataset(NAME, files, revision="refs/convert/parquet")
    else:
        parts = [
            {"config_name": name, "data_files": [
                {"split": split, "path": f"{name}/{split}/*"} for split in papers]}
            for name in ("no_ref", "default")
        ]  # fmt: skip
        card = f"---\nconfigs: {json.dumps(parts)}\n---\n"
        sets_hub.add_dataset(NAME, {"README.md": card, **files})
    corpus = read_corpus(DataTable(set="arxiv"))
    assert corpus.name == "arxiv"
    assert corpus.labels == tuple(FIELDS)
    assert [len(part) for part in corpus.splits.values()] == [30, 2, 2]
    assert {len(d.text) for part in corpus.splits.values() for d in part} == {30_000}
    assert corpus.facts[-1] == "34 of 34 papers cut at 30,000 characters"


def test_without_the_hub_the_way_out_is_named(sets_hub: Hub) -> None:
    sets_hub.close()
    with pytest.raises(DataError, match=r"ccdv/arxiv-classification:no_ref: not to .*local files"):
        read_corpus(DataTable(set="arxiv"))
