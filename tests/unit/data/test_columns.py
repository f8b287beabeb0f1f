import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from prefprop_cli.data.cells import Fields
from prefprop_cli.data.columns import (
    Column,
    Columns,
    choose_columns,
    columns_of,
    with_columns,
)
from prefprop_cli.data.table_rows import TableRow, each_row
from prefprop_cli.errors import DataError

POST = "A post of some length; with separators, and\nseveral lines. "
POSTS = [POST * (2 + n % 5) + str(n) for n in range(24)]
KINDS = ["cars", "space", "space"] * 8


def rows(**columns: Any) -> list[Fields]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def posts(**more: list[object]) -> list[Fields]:
    return rows(**{"n": list(range(24)), "review": POSTS, "sentiment": KINDS} | more)  # type: ignore[arg-type]


def write(path: Path, content: list[Fields], *, separator: str = ",", header: bool = True) -> Path:
    if path.suffix == ".parquet":
        parquet.write_table(pa.Table.from_pylist(content), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(content))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    else:
        with path.open("w", newline="") as stream:
            writer = csv.writer(stream, delimiter=separator)
            writer.writerows([list(content[0])] if header else [])
            writer.writerows(row.values() for row in content)
    return path


def found(content: list[Fields], **given: str) -> tuple[str, str | None]:
    columns = choose_columns(content, where="a.csv", **given)  # type: ignore[arg-type]
    assert columns.text
    return columns.text.name, columns.label and columns.label.name


@pytest.mark.parametrize(
    ("name", "separator"),
    [
        *(("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.csv", "|"), ("a.tsv", "\t")),
        *(("a.jsonl", ""), ("a.json", ""), ("a.parquet", "")),
    ],
)
def test_columns_of_any_kind_of_file(tmp_path: Path, name: str, separator: str) -> None:
    path = write(tmp_path / name, posts(), separator=separator)
    assert columns_of(path) == Columns(Column("review", "name"), Column("sentiment", "name"))


def test_names_come_before_content_and_the_usual_one_before_others() -> None:
    longer = [text * 9 for text in POSTS]
    assert found(posts(notes=longer)) == ("review", "sentiment")
    assert found(posts(Text=["short"] * 24, Label=KINDS)) == ("Text", "Label")
    named = rows(review_id=list(range(24)), review_text=POSTS, dayOfYear=KINDS, theTopic=KINDS)
    assert found(named) == ("review_text", "theTopic")


def test_content_decides_where_no_name_does() -> None:
    content = rows(
        key=[f"{n:08}" for n in range(24)],
        who=[f"somebody{n % 12}@example.org" for n in range(24)],
        blurb=POSTS,
        v1=KINDS,
        split=["train", "test", "test"] * 8,
        score=[f"{n / 7:.3f}" for n in range(24)],
        half=["0.5", "1.0", "1.5"] * 8,
    )
    columns = choose_columns(content, where="a.csv")
    assert columns.text == Column("blurb", "content", ("who",))
    assert columns.label == Column("v1", "content", ("split",))


def test_columns_that_the_user_names() -> None:
    content = posts(notes=POSTS, kind=KINDS)
    columns = choose_columns(content, where="a.csv", text="NOTES", label="kind")
    assert columns.text == Column("notes", "given", ("review",))
    assert columns.label == Column("kind", "given", ("sentiment",))
    with pytest.raises(DataError, match=r"a.csv: no column 'txt'; .*Did you mean 'review'\? --te"):
        choose_columns(posts(), where="a.csv", text="txt")
    with pytest.raises(DataError, match=r"Did you mean 'sentiment'\? --label-column sentiment"):
        choose_columns(posts(), where="a.csv", label="stars")


def test_where_a_text_is_meant_no_label_is_looked_for() -> None:
    table = (TableRow(n, n, fields) for n, fields in enumerate(rows(body=POSTS), start=1))
    with pytest.raises(DataError, match=r"no column 'txt'; .*Did you mean 'body'\?"):
        list(with_columns(table, {"text_column": "txt"}, path="a.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            rows(left=POSTS, right=[*reversed(POSTS)], label=KINDS),
            r"a.csv: 2 columns may hold the text: 'left' \(median 238 characters\), 'right' "
            r"\(median 238 characters\). Name one: --text-column left$",
        ),
        (
            rows(article=POSTS, comment=[f"{text}!" for text in POSTS], label=KINDS),
            r"2 columns may hold the text: 'comment' .*Name one: --text-column comment$",
        ),
        (
            rows(text=POSTS, tone=KINDS, source=["a", "b", "c"] * 8),
            r"2 columns may hold the label: 'tone' \(2 values: 'cars', 'space'\), 'source' \(3 "
            r"values: 'a', 'b', 'c'\). Name one: --label-column tone$",
        ),
        (
            rows(text=POSTS, category=KINDS, rating=[1, 2, 3] * 8),
            r"2 columns may hold the label: 'category' .*, 'rating' .*: --label-column category$",
        ),
        (
            rows(text=POSTS, author=[f"a{n}" for n in range(24)], same=["x"] * 24),
            r"no column looks like the label; found 'author' \(24 values: 'a0', 'a1', 'a10' and "
            r"21 more\), 'same' .*Name one with --label-column NAME",
        ),
        (
            rows(text=POSTS, price=[n / 7 for n in range(24)]),
            r"no column looks like the label; found 'price' \(24 numbers: ids, or a "
            r"quantity, which needs a few bins\). Name one with",
        ),
        (
            rows(n=[1, 2, 3] * 8, label=KINDS),
            r"no column looks like the text; found 'n' .*Name one with --text-column NAME",
        ),
        (
            rows(text=POSTS),
            r"one column, 'text', where two are needed: the texts, and the label of each",
        ),
        (
            rows(text=POSTS, story=POSTS[::-1]),
            r"no column looks like the label; found 'text', 'story'. Name one with --label-column",
        ),
    ],
)
def test_between_equals_the_user_chooses(content: list[Fields], message: str) -> None:
    with pytest.raises(DataError, match=message):
        choose_columns(content, where="a.csv")


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        (
            rows(meta=[{"text": text, "label": "x"} for text in POSTS], n=KINDS),
            "a.jsonl",
            r"'meta' holds objects \('text', 'label'\), and these are not looked into. Make "
            r"""columns of them: jq -c '. \+ .\["meta"\]' a.jsonl > rows.jsonl$""",
        ),
        (
            rows(data=[[{"text": text, "label": "x"} for text in POSTS]]),
            "my rows.json",
            r"""of them: jq -c '.\["data"\]\[\]' 'my rows.json' > rows.jsonl$""",
        ),
        (
            rows(text=[{"0": "x", "1": "y"}], label=[{"0": "a", "1": "b"}]),
            "a.json",
            r"Write it again: to_json\('rows.jsonl', orient='records', lines=True\)$",
        ),
        (rows(meta=[{"text": text} for text in POSTS]), "a/b", r"into. Make columns of them$"),
    ],
)
def test_what_nested_objects_hold_is_no_column(
    content: list[Fields], where: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        choose_columns(content, where=where)


def test_a_label_may_be_known_to_be_one() -> None:
    content = rows(text=POSTS, tone=KINDS, source=["a", "b", "c"] * 8)
    columns = choose_columns(content, where="a/b", classes=["source"])
    assert columns.label == Column("source", "content", ("tone",))


def test_a_label_that_is_called_so_may_be_the_same_in_all_rows_that_are_looked_at() -> None:
    assert found(rows(text=POSTS, label=["x"] * 24)) == ("text", "label")
    assert found(rows(text=POSTS, label=[None] * 8 + KINDS[8:])) == ("text", "label")


def test_long_cells_under_the_name_of_a_label_are_no_label() -> None:
    assert found(rows(target=POSTS, kind=KINDS)) == ("target", "kind")


def test_numbers_under_the_name_of_a_label_are_left_to_those_who_see_all() -> None:
    content = rows(text=POSTS, rating=[n / 7 for n in range(24)])
    assert found(content) == ("text", "rating")
    assert found(rows(text=POSTS, rating=[n / 7 for n in range(24)], topic=KINDS)) == (
        "text",
        "topic",
    )


@pytest.mark.parametrize(
    ("content", "separator", "header"),
    [
        (rows(a=POSTS, b=KINDS), ",", "text,label"),
        (rows(a=[f"{n} words" for n in range(24)], b=KINDS), ";", "'text;label'"),
        (rows(a=KINDS, b=POSTS), "\t", "'label\ttext'"),
        (rows(i=range(24), a=POSTS, b=KINDS, d=["x y"] * 24), ",", "column_1,text,label,column_4"),
    ],
)
def test_a_file_without_a_header(
    tmp_path: Path, content: list[Fields], separator: str, header: str
) -> None:
    path = write(tmp_path / "a b.csv", content, separator=separator, header=False)
    with pytest.raises(DataError, match="it looks as if there is no header line") as error:
        columns_of(path)
    told = str(error.value)
    assert f"(echo {header}; cat '{path}') > named.csv" in told
    assert len(told) < 420 + 2 * len(str(path))
    _, _, command = told.partition("above it: ")
    subprocess.run(["sh", "-c", command.partition(". If they")[0]], cwd=tmp_path, check=True)
    assert columns_of(tmp_path / "named.csv").text == Column("text", "name")


QUESTION = "What did you think of the journey from where you live, in your own words? " * 2


@pytest.mark.parametrize("others", [{"tone": KINDS}, {"n": range(24), "cars": KINDS}])
def test_a_long_name_is_one_if_another_fits_no_row(tmp_path: Path, others: dict[str, Any]) -> None:
    content = rows(**{QUESTION: [text * 3 for text in POSTS]} | others)
    found = columns_of(write(tmp_path / "a.csv", content))
    assert found.text
    assert found.text.name == QUESTION


def test_long_names_are_names_where_the_user_says_so(tmp_path: Path) -> None:
    content = rows(
        **{QUESTION: POSTS, "author": [f"somebody {n}" for n in range(24)], "cars": KINDS}
    )
    path = write(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=r"say which is that of the text: --text-column NAME"):
        columns_of(path)
    found = columns_of(path, text=QUESTION)
    assert found.text == Column(QUESTION, "given")


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps({"text": "x", "label": "y"}) + "\n"
    path.write_text("not JSON\n" + good * 1000 + '{"body": "x"}\n')
    assert columns_of(path).text == Column("text", "name")
    path.write_text("[1]\n[2]\n")
    with pytest.raises(DataError, match=r"a.jsonl:1:1: expected an object"):
        columns_of(path)


def test_rows_with_their_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(Text=POSTS, label=KINDS))
    told: list[str] = []
    wanted = {"text_column": "text", "label_column": "label", "group_column": None}
    read = with_columns(each_row(path), wanted, path=path, say=told.append)
    assert [row.number for row in read] == [*range(1, 25)]
    assert told == ["a.csv: column 'Text' is read as 'text'"]


def test_a_missing_column_is_told_once_with_the_one_that_is_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", posts())
    with pytest.raises(
        DataError,
        match=r"a.csv: no column 'text'; found 'n', 'review', 'sentiment'. Did you mean 'review'\? "
        "--text-column review",
    ):
        next(with_columns(each_row(path), {"text_column": "text"}, path=path))
    with pytest.raises(DataError, match="Did you mean 'sentiment'"):
        next(with_columns(each_row(path), {"label_column": "label"}, path=path))


def test_a_header_names_no_label_where_several_may_be(tmp_path: Path) -> None:
    days = ["2024-05-09", "2024-01-03"] * 12
    path = write(tmp_path / "a.csv", rows(day=days, text=POSTS, kind=KINDS), header=False)
    with pytest.raises(DataError, match=r"\(echo column_1,text,column_3; cat "):
        columns_of(path)


def test_a_missing_column_where_there_is_no_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", rows(a=POSTS, b=KINDS), header=False)
    with pytest.raises(DataError, match=r"no header line, .* with 'A post of some length; with"):
        next(with_columns(each_row(path), {"text_column": "text"}, path=path))


def test_objects_may_have_a_column_later(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"body": "x"}\n[1]\n{"text": "y"}\n')
    assert len([*with_columns(each_row(path), {"text_column": "text"}, path=path)]) == 3


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, prefprop_cli.data.sets.files; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"numpy", "pyarrow", "pandas", "datasets", "torch", "sklearn", "scipy"}


def test_whole_numbers_with_few_rows_each_are_no_classes() -> None:
    ages = [18 + n // 4 for n in range(240)]
    content = rows(text=POSTS * 10, tone=KINDS * 10, age=ages)
    assert found(content) == ("text", "tone")
