import json
from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.errors import DataError

NAMES = ["maths", "cs", "bio"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    yield
    datasets.enable_progress_bars()


def write(folder: Path, **splits: list[int]) -> Path:
    """A data set as a folder, which `load_dataset` reads as it reads one of the hub."""
    folder.mkdir()
    for name, labels in splits.items():
        rows = [{"text": f"{name} {i}", "label": label} for i, label in enumerate(labels)]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def named(parts: dict[str, list[int]]) -> datasets.DatasetDict:
    """A data set that states the names of its classes, as those of the hub do."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)}
    )
    return datasets.DatasetDict(
        {
            part: datasets.Dataset.from_dict(
                {"text": [f"{part} {i}" for i in range(len(labels))], "label": labels}, features
            )
            for part, labels in parts.items()
        }
    )


def test_a_data_set_is_loaded_in_its_splits(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path / "set", train=[0, 1, 0, 1], validation=[1, 0], test=[0, 1, 1])
    corpus = read_corpus(DataTable(set="hub", source=str(folder)))
    assert {name: [d.text for d in part][-1] for name, part in corpus.splits.items()} == {
        "train": "train 3", "validation": "validation 1", "test": "test 2",
    }  # fmt: skip
    assert corpus.labels == ("0", "1")
    assert [d.id for d in corpus.splits["test"]][-1] == f"{folder}/test:3"
    assert set(corpus.inputs) == {f"{folder}/{part}" for part in corpus.splits}
    assert capfd.readouterr() == ("", "")


def test_names_and_order_of_the_classes_are_those_of_the_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def load(*arguments: object) -> datasets.DatasetDict:
        asked.append(arguments)
        return named(
            {"train": [0, 1, 2] * 10, "dev": [0, 1], "unsupervised": [0], "test": [-1, -1]}
        )

    monkeypatch.setattr(datasets, "load_dataset", load)
    corpus = read_corpus(DataTable(set="hub", source="owner/papers:small"))
    assert asked == [("owner/papers", "small")]
    assert corpus.name == "owner/papers:small"
    assert corpus.labels == tuple(NAMES)
    assert [d.label for d in corpus.splits["validation"]] == ["maths", "cs"]
    # The labels of its test split are secret, so one is drawn.
    assert all(d.id.startswith("owner/papers/train:") for d in corpus.splits["test"])
    assert corpus.notes == ("drawn from train with seed 10: test",)
    assert len(corpus.splits["train"]) + len(corpus.splits["test"]) == 30


def test_a_set_without_training_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: named({"all": [0, 1]}))
    with pytest.raises(DataError, match="owner/papers: no split called train; found all"):
        read_corpus(DataTable(set="hub", source="owner/papers"))


def test_columns_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: named({"train": [0, 1]}))
    with pytest.raises(DataError, match=r"papers/train:1: no column 'body'; found 'text', 'label'"):
        read_corpus(DataTable(set="hub", source="owner/papers", text_column="body"))
    with pytest.raises(DataError, match=r"papers/train:1: no column 'topic'.*data.label_column"):
        read_corpus(DataTable(set="hub", source="owner/papers", label_column="topic"))


@pytest.mark.parametrize(
    "error", [ConnectionError("no network"), RuntimeError("scripts"), ValueError("configuration"),
              datasets.exceptions.DatasetNotFoundError("not there")],
)  # fmt: skip
def test_without_the_hub_the_way_out_is_named(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(
        DataError, match=rf"data.source = owner/papers: .*{error}(.|\n)*train.jsonl"
    ):
        read_corpus(DataTable(set="hub", source="owner/papers"))


def test_offline_for_real() -> None:
    with pytest.raises(DataError, match=r"data.source = owner/papers(.|\n)*as local files"):
        read_corpus(DataTable(set="hub", source="owner/papers"))


def test_a_name_is_needed() -> None:
    with pytest.raises(DataError, match=r"needs data.source \(or --source\): owner/name"):
        read_corpus(DataTable(set="hub"))
