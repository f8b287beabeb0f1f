"""A folder for each class, and what else lies there."""

from collections import Counter
from pathlib import Path

import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.data.sets.files import labelled_documents
from prefprop_cli.errors import DataError


def write(folder: Path, *labels: str, n: int = 20, suffix: str = ".txt") -> None:
    """So many texts of each class."""
    for label in labels:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(n):
            (folder / label / f"{number}{suffix}").write_text(f"{folder.name} {label} {number}")


def read(folder: Path) -> Corpus:
    return read_corpus(DataTable(source=str(folder)))


def classes(corpus: Corpus) -> Counter[str | None]:
    return Counter(document.label for part in corpus.splits.values() for document in part)


@pytest.mark.parametrize("name", ["unsup", "Unlabeled", "unlabelled", "unsupervised"])
def test_texts_without_a_class_are_left_out(tmp_path: Path, name: str) -> None:
    """The form of the film reviews of Maas et al. (2011), `aclImdb`."""
    write(tmp_path / "train", "neg", "pos", name)
    write(tmp_path / "test", "neg", "pos", n=4)
    (tmp_path / "README").write_text("on the reviews")
    for split in ("train", "test"):
        (tmp_path / split / "urls_pos.txt").write_text("http://")
        (tmp_path / split / "labeledBow.feat").write_text("9 0:1")
    corpus = read(tmp_path)
    assert classes(corpus) == {"neg": 24, "pos": 24}
    assert corpus.labels == ("neg", "pos")
    assert corpus.facts[:3] == (
        "2 files in test/ are not <label>/*.txt and are left out: labeledBow.feat, urls_pos.txt",
        "20 texts in train/ are left out, for the name of their folder says that they have no "
        f"class: {name}. If it is a class, give the folder another name",
        "2 files in train/ are not <label>/*.txt and are left out: labeledBow.feat, urls_pos.txt",
    )


def test_without_splits_they_are_left_out_too(tmp_path: Path) -> None:
    write(tmp_path, "neg", "pos", "unsup")
    assert classes(read(tmp_path)) == {"neg": 20, "pos": 20}


def test_a_label_of_that_name_in_a_table_is_a_class(tmp_path: Path) -> None:
    rows = [f"text {i},{'unsup' if i % 2 else 'pos'}" for i in range(40)]
    (tmp_path / "mine.csv").write_text("\n".join(["text,label", *rows]))
    assert classes(read(tmp_path / "mine.csv")) == {"unsup": 20, "pos": 20}


@pytest.mark.parametrize("others", [("test",), ("dev",), ("dev", "test")])
def test_a_class_that_is_in_train_alone_is_refused(tmp_path: Path, others: tuple[str, ...]) -> None:
    write(tmp_path / "train", "a", "b", "drafts")
    for name in others:
        write(tmp_path / name, "a", "b", n=4)
    with pytest.raises(
        DataError,
        match=rf"train/drafts: there is no such class in {' nor '.join(others)}, .* make an empty "
        rf"folder {tmp_path / others[-1] / 'drafts'}",
    ):
        read(tmp_path)
    (tmp_path / others[-1] / "drafts").mkdir()
    assert "drafts" in read(tmp_path).labels


def test_a_class_in_one_of_the_other_splits_is_enough(tmp_path: Path) -> None:
    write(tmp_path / "train", "a", "b", "c")
    write(tmp_path / "dev", "a", "b", n=4)
    (tmp_path / "test.csv").write_text("text,label\nt,c\nu,a\n")
    assert read(tmp_path).labels == ("a", "b", "c")


@pytest.mark.parametrize("outer", ["", "train"])
def test_texts_that_lie_deeper_are_refused(tmp_path: Path, outer: str) -> None:
    write(tmp_path / outer, "a", "b")
    write(tmp_path / outer / "a", "old", n=2)
    with pytest.raises(DataError, match=r"2 texts lie deeper than .*, such as \S+a/old/0.txt. Giv"):
        read(tmp_path)
    with pytest.raises(DataError, match="2 texts lie deeper"):
        labelled_documents(tmp_path / outer, DataTable())


def test_hidden_files_and_folders_do_not_count(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    before = read(tmp_path)
    write(tmp_path, ".git", "a/.ipynb_checkpoints")
    write(tmp_path / "__MACOSX", "a", n=0)
    for name in ("._0.txt", ".DS_Store"):
        (tmp_path / "a" / name).write_bytes(b"\0\5\x16\7")
        (tmp_path / "__MACOSX" / "a" / "._0.txt").write_bytes(b"\0\5\x16\7")
    assert read(tmp_path) == before


def test_other_files_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a", "b")
    write(tmp_path, "c", n=7, suffix=".pdf")
    named = "c/0.pdf, c/1.pdf, c/2.pdf, c/3.pdf, c/4.pdf and 2 more"
    note = f"7 files in {tmp_path.name}/ are not <label>/*.txt and are left out: {named}"
    assert read(tmp_path).facts[0] == note


def test_endings_and_names_of_splits_in_capitals(tmp_path: Path) -> None:
    write(tmp_path / "Train", "a", "b", suffix=".TXT")
    (tmp_path / "DEV.JSONL").write_text('{"text": "x", "label": "a"}\n')
    (tmp_path / "Test.CSV").write_text("text,label\nx,b\n")
    corpus = read(tmp_path)
    assert [len(part) for part in corpus.splits.values()] == [40, 1, 1]
    assert corpus.facts == ()


def test_a_linked_class_is_read(tmp_path: Path) -> None:
    write(tmp_path / "data", "a", "b")
    write(tmp_path / "elsewhere", "c")
    (tmp_path / "data" / "c").symlink_to(tmp_path / "elsewhere" / "c")
    corpus = read(tmp_path / "data")
    assert classes(corpus)["c"] == 20
    (tmp_path / "elsewhere" / "c" / "0.txt").write_text("changed")
    assert read(tmp_path / "data").inputs != corpus.inputs
