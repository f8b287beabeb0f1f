import hashlib
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.columns import Column, Columns
from prefprop_cli.data.sets.files import find_columns
from prefprop_cli.errors import DataError

Row = dict[str, object]


def rows(n: int, *, start: int = 0) -> list[Row]:
    return [{"text": f"text {i}", "label": "xy"[i % 2]} for i in range(start, start + n)]


def write(path: Path, content: list[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    elif path.suffix == ".csv":
        lines = [",".join(map(str, row)) for row in [list(content[0]), *map(dict.values, content)]]
        path.write_text("\n".join(lines))
    else:
        parquet.write_table(pa.Table.from_pylist(content), path)
    return path


def write_class_folders(folder: Path, n: int, *, start: int = 0) -> None:
    for row in rows(n, start=start):
        path = folder / str(row["label"]) / f"{row['text']}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(row["text"]))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_one_file_is_divided(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"mine{suffix}", rows(40))
    corpus = read_corpus(DataTable(source=str(path)))
    assert {name: len(part) for name, part in corpus.splits.items()} == {
        "train": 32, "validation": 4, "test": 4,
    }  # fmt: skip
    documents = [document for part in corpus.splits.values() for document in part]
    assert sorted(document.text for document in documents) == sorted(f"text {i}" for i in range(40))
    assert all(d.label == "xy"[int(d.text.split()[1]) % 2] for d in documents)
    assert corpus.labels == ("x", "y")
    assert corpus.name == "mine"
    assert corpus.inputs == {path.name: hashlib.sha256(path.read_bytes()).hexdigest()}
    assert corpus.facts == ("drawn from train with seed 10: validation, test",)


def test_the_split_follows_seed_and_fractions_not_the_place_of_the_file(tmp_path: Path) -> None:
    def held_out(folder: str, **changes: object) -> list[str]:
        path = write(tmp_path / folder / "mine.csv", rows(40))
        table = DataTable(source=str(path), **changes)
        return [document.text for document in read_corpus(table).splits["validation"]]

    assert held_out("one") == held_out("two")
    assert held_out("one") != held_out("one", split_seed=11)
    assert len(held_out("one", validation_fraction=0.5)) == 20


def test_a_file_for_each_split(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", rows(6))
    write(tmp_path / "dev.csv", rows(4, start=6))
    write(tmp_path / "test.parquet", rows(2, start=10))
    (tmp_path / "README.md").write_text("nothing to read here")
    corpus = read_corpus(DataTable(source=str(tmp_path)))
    assert {name: [d.id for d in part][:1] for name, part in corpus.splits.items()} == {
        "train": ["train.jsonl:1"], "validation": ["dev.csv:2"], "test": ["test.parquet:1"],
    }  # fmt: skip
    assert [len(part) for part in corpus.splits.values()] == [6, 4, 2]
    assert set(corpus.inputs) == {"train.jsonl", "dev.csv", "test.parquet"}
    assert corpus.facts == ()


def test_a_missing_split_is_drawn_from_train(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", rows(20))
    write(tmp_path / "test.jsonl", rows(2, start=20))
    corpus = read_corpus(DataTable(source=str(tmp_path)))
    assert [len(part) for part in corpus.splits.values()] == [18, 2, 2]
    assert corpus.splits["test"][0].text == "text 20"
    assert corpus.facts == ("drawn from train with seed 10: validation",)


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    write_class_folders(tmp_path, 20)
    corpus = read_corpus(DataTable(source=str(tmp_path)))
    assert [len(part) for part in corpus.splits.values()] == [16, 2, 2]
    document = corpus.splits["test"][0]
    assert document.id == f"{document.label}/{document.text}.txt"
    before = corpus.inputs
    (tmp_path / "x" / "text 0.txt").write_text("changed")
    assert read_corpus(DataTable(source=str(tmp_path))).inputs != before


def test_class_folders_for_each_split(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "train", 6)
    write_class_folders(tmp_path / "val", 2, start=6)
    write_class_folders(tmp_path / "test", 4, start=8)
    corpus = read_corpus(DataTable(source=str(tmp_path)))
    assert [len(part) for part in corpus.splits.values()] == [6, 2, 4]
    assert corpus.splits["validation"][0].id == "val/x/text 6.txt"


def test_columns_have_other_names_and_groups_stay_together(tmp_path: Path) -> None:
    content: list[Row] = [
        {"body": f"text {i}", "stars": i % 2, "author": i // 4} for i in range(80)
    ]
    path = write(tmp_path / "mine.csv", content)
    columns = {"text_column": "body", "label_column": "stars", "group_column": "author"}
    corpus = read_corpus(DataTable(source=str(path), **columns))
    groups = [{document.group for document in part} for part in corpus.splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    with pytest.raises(DataError, match=r"mine.csv: no column 'writer'.*data.group_column"):
        read_corpus(DataTable(source=str(path), **columns | {"group_column": "writer"}))


def test_warnings_are_of_the_documents_within_the_limit(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", rows(40))
    told = read_corpus(DataTable(source=str(path), limit=2)).warnings
    assert [warning.split(";")[0] for warning in told] == [
        "documents of validation: 2",
        "documents of test: 2",
        "classes with a single training document: 2 ('x': mine.csv:8, 'y': mine.csv:33)",
    ]


def test_a_limit_keeps_a_share_of_each_class(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.csv", rows(40))
    corpus = read_corpus(DataTable(source=str(path), limit=6))
    assert {name: len(part) for name, part in corpus.splits.items()} == {
        "train": 6, "validation": 4, "test": 4,
    }  # fmt: skip
    assert Counter(d.label for d in corpus.splits["train"]) == {"x": 3, "y": 3}
    assert corpus.facts[-1] == "at most 6 documents of each split are used"
    again = read_corpus(DataTable(source=str(path), limit=6))
    assert again == corpus


def test_a_limit_is_exact_where_texts_repeat(tmp_path: Path) -> None:
    write(tmp_path / "train.csv", [{"text": f"{i // 10}", "label": "xy"[i % 2]} for i in range(40)])
    write(tmp_path / "dev.csv", rows(4))
    write(tmp_path / "test.csv", rows(4))
    corpus = read_corpus(DataTable(source=str(tmp_path), limit=3))
    assert [len(part) for part in corpus.splits.values()] == [3, 3, 3]


def test_invalid_bytes_follow_the_option(tmp_path: Path) -> None:
    write_class_folders(tmp_path, 20)
    (tmp_path / "x" / "bad.txt").write_bytes(b"abc\xe9")
    with pytest.raises(DataError, match=r"bad.txt: byte 0xe9 at offset 3"):
        read_corpus(DataTable(source=str(tmp_path)))
    corpus = read_corpus(DataTable(source=str(tmp_path), errors="replace"))
    assert "abc\ufffd" in {document.text for document in corpus.splits["train"]}


def test_unseen_labels_and_single_examples_are_named(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", rows(4))
    write(tmp_path / "dev.jsonl", rows(2))
    write(tmp_path / "test.jsonl", [*rows(1), {"text": "t", "label": "z"}])
    with pytest.raises(DataError, match=r"split test: 1 documents .* test.jsonl:2 \('z'\)"):
        read_corpus(DataTable(source=str(tmp_path)))
    one = write(tmp_path / "one.jsonl", [*rows(20), {"text": "t", "label": "z"}])
    with pytest.raises(DataError, match=r"'z' \(one.jsonl:21\)"):
        read_corpus(DataTable(source=str(one)))


def test_too_few_documents_for_the_fractions(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.jsonl", rows(4))
    with pytest.raises(DataError, match="no documents in split validation"):
        read_corpus(DataTable(source=str(path)))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"holds neither files for the splits .* nor a folder for each class"),
        (["dev.jsonl", "speech.txt"], "holds neither files for the splits"),
        (["train.jsonl", "dev.jsonl", "val.csv"], r"dev.jsonl and val.csv are both validation"),
    ],
)
def test_folders_of_another_form(tmp_path: Path, names: list[str], message: str) -> None:
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(DataError, match=message):
        read_corpus(DataTable(source=str(tmp_path)))


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'data.set = "files" needs data.source \(or --source\)'):
        read_corpus(DataTable())
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        read_corpus(DataTable(source="nowhere"))
    path = tmp_path / "mine.py"
    path.write_text("")
    with pytest.raises(DataError, match=r"must end in .jsonl, .*.tsv, .parquet"):
        read_corpus(DataTable(source=str(path)))
    with pytest.raises(DataError, match=r'data.split = "dedup": files only has "default"'):
        read_corpus(DataTable(source=str(path), split="dedup"))


def test_rows_without_a_label_are_counted(tmp_path: Path) -> None:
    content: list[Row] = [*rows(30), {"text": "t", "label": ""}, {"text": "u", "label": " "}]
    path = write(tmp_path / "mine.csv", content)
    with pytest.raises(
        DataError,
        match=r"mine.csv: 2 of 32 rows have no label in column 'label': mine.csv:32, mine.csv:33. "
        "Fill them in",
    ):
        read_corpus(DataTable(source=str(path)))


def test_numbers_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    content: list[Row] = [{"text": f"text {k}", "stars": k % 118} for k in range(400)]
    path = write(tmp_path / "mine.csv", content)
    with pytest.raises(
        DataError,
        match=r"mine: column 'stars' holds 118 distinct numeric labels in 400 documents, 0 to 117: "
        r"they look like a quantity or like ids, .* Put them into a few bins .*, or name another "
        "column: --label-column NAME",
    ):
        read_corpus(DataTable(source=str(path), label_column="stars"))


def test_a_separator_and_a_name_that_are_not_the_usual_ones_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("Text;Label\n" + "".join(f"a, b {k};{'xy'[k % 2]}\n" for k in range(40)))
    corpus = read_corpus(DataTable(source=str(path)))
    assert corpus.labels == ("x", "y")
    assert corpus.facts == (
        "mine.csv: looks semicolon-separated, and is read so",
        "mine.csv: column 'Text' is read as 'text'",
        "mine.csv: column 'Label' is read as 'label'",
        "drawn from train with seed 10: validation, test",
    )


def test_the_columns_of_a_source(tmp_path: Path) -> None:
    mine = [{"review": row["text"], "kind": row["label"]} for row in rows(20)]
    found = Columns(Column("review", "name"), Column("kind", "content"))
    assert find_columns(write(tmp_path / "one" / "mine.csv", mine)) == found
    write(tmp_path / "split" / "dev.jsonl", rows(4))
    write(tmp_path / "split" / "train.parquet", mine)
    assert find_columns(tmp_path / "split") == found
    write_class_folders(tmp_path / "classes", 4)
    assert find_columns(tmp_path / "classes") == Columns()
    with pytest.raises(DataError, match=r"no column 'body'. Leave it out: --text-column body$"):
        find_columns(tmp_path / "classes", text="body")
    for name, told in (
        ("mine.py", "cannot be read; the file must end in"),
        ("mine.xlsx", "a spreadsheet. Save it as .csv"),
        ("mine.csv.gz", "an archive. Unpack it"),
        ("mine.txt", "a text has no label beside it. Put texts into a folder for each class"),
    ):
        (tmp_path / name).touch()
        with pytest.raises(DataError, match=f"{name}: {told}"):
            find_columns(tmp_path / name)
    with pytest.raises(DataError, match=r"nowhere.csv: no such file"):
        find_columns(tmp_path / "nowhere.csv")
