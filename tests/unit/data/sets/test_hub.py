"""Data sets of the hub as documents, by the real clients."""

import json
from collections import Counter
from pathlib import Path

import datasets
import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.columns import Column, Columns
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.data.sets.hub import find_columns
from prefprop_cli.errors import DataError
from tests.helpers.hub import Hub
from tests.helpers.hub_sets import TEST, TRAIN, parquet

NAME = "acme/reviews"
INTEGERS = datasets.Value("int64")


def read(source: str = NAME, **options: object) -> Corpus:
    return read_corpus(DataTable(set="hub", source=source, **options))


def labels(corpus: Corpus, split: str) -> list[str | None]:
    return [document.label for document in corpus.splits[split]]


def test_a_data_set_is_read_in_its_splits(sets_hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    files = {
        TRAIN: parquet([0, 1, 0, 1]),
        "data/validation-00000-of-00001.parquet": parquet([1, 0]),
        "data/unsupervised-00000-of-00001.parquet": parquet([-1, -1]),
        TEST: parquet([0, 1, 1], part="test"),
    }
    commit = sets_hub.add_dataset(NAME, files)
    corpus = read()
    assert corpus.name == NAME
    assert {name: labels(corpus, name) for name in corpus.splits} == {
        "train": ["no", "yes", "no", "yes"],
        "validation": ["yes", "no"],
        "test": ["no", "yes", "yes"],
    }
    last = corpus.splits["test"][-1]
    assert (last.id, last.text) == ("acme/reviews/test:3", "test 2")
    assert set(corpus.inputs) == {f"{NAME}/{part}" for part in corpus.splits}
    assert corpus.facts == (
        f"acme/reviews is read at commit {commit}",
        "splits that are not used: unsupervised",
    )
    assert capfd.readouterr() == ("", "")
    assert datasets.utils.is_progress_bar_enabled()


def test_names_and_order_of_the_classes_are_those_of_the_set(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1, 2] * 10, names=["maths", "cs", "bio"])})
    corpus = read()
    assert corpus.labels == ("maths", "cs", "bio")
    assert Counter(labels(corpus, "test")) == {"maths": 1, "cs": 1, "bio": 1}


@pytest.mark.parametrize("missing", [-1, None])
def test_a_split_whose_labels_are_secret_is_drawn(sets_hub: Hub, missing: int | None) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10), TEST: parquet([missing] * 3)})
    corpus = read()
    assert len(corpus.splits["train"]) + len(corpus.splits["test"]) == 18
    assert all(d.id.startswith("acme/reviews/train:") for d in corpus.splits["test"])
    assert corpus.facts[1:] == (
        "split test: no row has a label, so that it is not used",
        "drawn from train with seed 10: validation, test",
    )


def test_rows_without_a_label_are_left_out_and_counted(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, None, 1, -1] * 10)})
    corpus = read()
    assert Counter(d.label for part in corpus.splits.values() for d in part) == {
        "no": 10, "yes": 10,
    }  # fmt: skip
    rows = ", ".join(f"acme/reviews/train:{i}" for i in (2, 4, 6, 8, 10))
    assert f"20 rows have no label and are left out: {rows} and 15 more" in corpus.facts


def test_a_training_split_without_labels(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([-1] * 4), TEST: parquet([0, 1])})
    with pytest.raises(DataError, match="split train: no row has a label"):
        read()


@pytest.mark.parametrize("label", [-2, 2, 70])
def test_a_label_that_is_no_class_is_refused_with_its_row(sets_hub: Hub, label: int) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1, label, 1])})
    with pytest.raises(DataError, match=rf"reviews/train:3: label {label}, .* 2 classes, 0 to 1"):
        read()


def test_class_names_are_stripped_and_equal_ones_are_one_class(sets_hub: Hub) -> None:
    names = [" yes", "no ", "yes\n"]
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1, 2] * 10, names=names)})
    corpus = read()
    assert corpus.labels == ("yes", "no")
    assert Counter(d.label for part in corpus.splits.values() for d in part) == {
        "yes": 20, "no": 10,
    }  # fmt: skip
    assert "classes whose names differ in white space only are one: yes" in corpus.facts
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10, names=["no", ""])})
    with pytest.raises(DataError, match="reviews/train: name of class 1: 'label' is empty"):
        read()


def test_a_class_without_documents_keeps_its_place(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 2] * 10, names=["a", "b", "c"])})
    corpus = read()
    assert corpus.labels == ("a", "b", "c")
    assert "classes that the data set names and no document has: b" in corpus.facts


def test_whole_numbers_are_labels_and_minus_one_may_be_one_of_them(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([1, -1] * 10, label=INTEGERS),
                                TEST: parquet([-1] * 3, label=INTEGERS)})  # fmt: skip
    corpus = read()
    assert set(corpus.labels) == {"-1", "1"}
    assert labels(corpus, "test") == ["-1"] * 3
    sets_hub.add_dataset(NAME, {TRAIN: parquet([1, 0, None] * 10, label=INTEGERS),
                                TEST: parquet([-1] * 3, label=INTEGERS)})  # fmt: skip
    corpus = read()
    assert corpus.labels == ("0", "1")
    assert "split test: no row has a label, so that it is not used" in corpus.facts
    assert any(note.startswith("10 rows have no label") for note in corpus.facts)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_whole_numbers_with_gaps_are_floats(sets_hub: Hub, missing: float | None) -> None:
    rows = parquet([1.0, 0.0, missing] * 10, label=datasets.Value("float64"))
    sets_hub.add_dataset(NAME, {TRAIN: rows, TEST: parquet([0, 1], label=INTEGERS)})
    corpus = read()
    assert corpus.labels == ("0", "1")
    assert any(note.startswith("10 rows have no label") for note in corpus.facts)


def test_several_labels_of_a_row_are_no_class(sets_hub: Hub) -> None:
    several = datasets.List(datasets.ClassLabel(names=["a", "b"]))
    sets_hub.add_dataset(NAME, {TRAIN: parquet([[0], [0, 1]], label=several)})
    with pytest.raises(DataError, match=r"'label' is List\(ClassLabel.*one class here, not sev"):
        read()


def test_columns_are_named(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1])})
    with pytest.raises(
        DataError, match=r"reviews/train:1: no column 'body'; found 'text', 'label'"
    ):
        read(text_column="body")
    with pytest.raises(DataError, match=r"/train:1: no column 'topic'.*--label-column NAME"):
        read(label_column="topic")


def test_splits_of_other_names(sets_hub: Hub) -> None:
    rows = '{"text": "a", "label": 0}\n'
    sets_hub.add_dataset("acme/all", {"README.md": _named("every"), "rows.jsonl": rows})
    with pytest.raises(DataError, match="acme/all: no split called train; found every"):
        read("acme/all")
    sets_hub.add_dataset("acme/two", {"README.md": _named("dev", "valid"), "rows.jsonl": rows})
    with pytest.raises(DataError, match="acme/two: dev and valid are both validation"):
        read("acme/two")


def _named(*splits: str) -> str:
    """A card that names the splits of a data set."""
    files = [{"split": split, "path": "rows.jsonl"} for split in splits]
    return f"---\nconfigs: {json.dumps([{'config_name': 'x', 'data_files': files}])}\n---\n"


def test_a_folder_that_is_no_name_on_the_hub(tmp_path: Path, sets_hub: Hub) -> None:
    """What `load_dataset` reads from a path, such as a clone with a card of its own."""
    folder = tmp_path / "set"
    folder.mkdir()
    rows = [{"text": f"text {i}", "label": i % 2} for i in range(20)]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    corpus = read(str(folder))
    assert corpus.labels == ("0", "1")
    assert corpus.splits["train"][0].id.startswith(f"{folder}/train:")
    assert sets_hub.requests == []


@pytest.mark.parametrize("source", ["a/b/c", "../nowhere", "a b/c", "acme/x@", "acme/x:", "", ":x"])
def test_names_of_another_form(source: str) -> None:
    with pytest.raises(
        DataError, match=r"no name of a data set on the hub. Give owner/name, owner"
    ):
        read(source)


def test_a_name_is_needed() -> None:
    with pytest.raises(DataError, match=r"needs data.source \(or --source\): owner/name"):
        read_corpus(DataTable(set="hub"))


def test_the_columns_of_a_data_set(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    assert find_columns(NAME) == Columns(Column("text", "name"), Column("label", "name"))
    with pytest.raises(
        DataError, match=r"acme/reviews: no column 'txet'.*Did you mean 'text'\? --text-column text"
    ):
        find_columns(NAME, text="txet")
    with pytest.raises(DataError, match=r"data.source = acme/none: not to be had"):
        find_columns("acme/none")


def test_the_classes_of_a_column_whose_name_differs_in_case(sets_hub: Hub) -> None:
    sets_hub.add_dataset(NAME, {TRAIN: parquet([0, 1] * 10)})
    assert read(label_column="LABEL", text_column="Text").labels == ("no", "yes")
