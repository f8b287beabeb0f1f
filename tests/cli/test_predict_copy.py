"""`predict --out`: a labelled copy of the input."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from tests.helpers import project
from tests.helpers.two_runs import QUESTION, Runs

Output = Callable[..., tuple[int, str, str]]
ADDED = ["predicted_label", "predicted_prob", "source_file", "source_row", "error"]


def read(name: str) -> list[dict[str, Any]]:
    """The rows of a copy; of a .csv file all are text."""
    path = Path(name)
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    with path.open(newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.mark.parametrize("name", ["l.csv", "l.jsonl", "l.parquet"])
def test_the_input_with_a_label_for_each_row(runs: Runs, output: Output, name: str) -> None:
    Path("new.csv").write_text('n;body;kind\n1;"a ""b""\nc";odd\n2;x y z;\n')
    code, out, err = output("predict", "--run", runs.texts, "new.csv", "--out", name)
    assert (code, out) == (0, f"{name}\n")
    assert "new.csv: looks semicolon-separated" in err
    assert err.count("semicolon") == 1
    assert "predicted 2 documents in " in err
    rows = read(name)
    assert [list(row) for row in rows] == [["n", "body", "kind", *ADDED]] * 2
    assert [row["body"] for row in rows] == ['a "b"\nc', "x y z"]
    assert [row["kind"] for row in rows] == ["odd", ""]
    assert {row["predicted_label"] for row in rows} <= set(project.LABELS)
    assert all(0.5 <= float(row["predicted_prob"]) <= 1 for row in rows)
    assert [(row["source_file"], int(row["source_row"])) for row in rows] == [
        ("new.csv", 1),
        ("new.csv", 2),
    ]
    assert not any(row["error"] for row in rows)
    assert os.listdir(".") == ["new.csv", name] or os.listdir(".") == [name, "new.csv"]


def test_it_says_what_is_printed_without_it(runs: Runs, output: Output) -> None:
    Path("new.csv").write_text("body\n" + "".join(f"{project.text(n)}\n" for n in range(4)))
    arguments = ("predict", "--run", runs.texts, "new.csv", "--top-k", "2")
    printed = [line.split("\t")[1:] for line in output(*arguments)[1].splitlines()]
    assert output(*arguments, "--out", "l.csv")[0] == 0
    names = ("predicted_label", "predicted_prob", "predicted_label_2", "predicted_prob_2")
    copied = [[row[name] for name in names] for row in read("l.csv")]
    assert [[a, f"{float(b):.4f}", c, f"{float(d):.4f}"] for a, b, c, d in copied] == printed


def test_several_files_have_all_their_columns(runs: Runs, output: Output) -> None:
    Path("a.csv").write_text("body,n\na b c,1\n")
    Path("b.jsonl").write_text('{"body": "x y z", "n": 2}\n{"body": "x", "late": [1]}\n')
    Path("c.txt").write_text("a b c")
    assert (
        output("predict", "--run", runs.texts, "a.csv", "b.jsonl", "c.txt", "--out", "l.csv")[0]
        == 0
    )
    rows = read("l.csv")
    assert list(rows[0]) == ["body", "n", "late", *ADDED]
    assert [row["late"] for row in rows] == ["", "", "[1]", ""]
    assert [(row["source_file"], row["source_row"]) for row in rows] == [
        ("a.csv", "1"),
        ("b.jsonl", "1"),
        ("b.jsonl", "2"),
        ("c.txt", ""),
    ]


def test_a_column_of_the_input_keeps_its_name(runs: Runs, output: Output) -> None:
    Path("new.csv").write_text("body,predicted_label,error\na b c,mine,0\n")
    code, _, err = output("predict", "--run", runs.texts, "new.csv", "--out", "l.csv")
    assert code == 0
    told = "predicted_label is a column of the input; what is added is predicted_label_new"
    assert f"l.csv: {told}\n" in err
    (row,) = read("l.csv")
    assert (row["predicted_label"], row["error"]) == ("mine", "0")
    assert row["predicted_label_new"] in project.LABELS
    assert row["error_new"] == ""


def test_what_cannot_be_read_has_a_row_that_says_why(runs: Runs, output: Output) -> None:
    Path("a.jsonl").write_text('{"body": "a b c"}\n{"body": null, "n": 7}\nno JSON\n')
    code, out, err = output("predict", "--run", runs.texts, "a.jsonl", "--out", "l.csv", "--json")
    assert code == 3
    label = read("l.csv")[0]["predicted_label"]
    assert json.loads(out) == {
        "out": "l.csv",
        "n_documents": 3,
        "n_failed": 2,
        "labels": {label: 1},
    }
    _, second, third = read("l.csv")
    assert (second["n"], second["predicted_label"], second["predicted_prob"]) == ("7", "", "")
    assert second["error"] == "a.jsonl:2: 'body' is empty, not a text"
    assert "not JSON" in third["error"]
    assert "error: 2 of 3 documents could not be read; see column error of l.csv\n" in err


def test_where_nothing_can_be_predicted_there_is_no_copy(runs: Runs, output: Output) -> None:
    Path("a.csv").write_text("body,n\n,1\n,2\n")
    code, out, err = output("predict", "--run", runs.texts, "a.csv", "--out", "l.csv")
    assert (code, out, os.listdir(".")) == (3, "", ["a.csv"])
    assert "2 of 2 documents could not be read; l.csv is not written\n" in err


def test_texts_that_are_in_no_file(
    runs: Runs, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("predict", "--run", runs.texts, "--out", "l.csv", "--force")

    def rows_of(content: str, *flags: str) -> list[dict[str, Any]]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
        assert output(*arguments, *flags, "-")[0] == 0
        return read("l.csv")

    assert [row["text"] for row in rows_of("a b\nx y\n", "--lines")] == ["a b", "x y"]
    assert [row["text"] for row in rows_of("a b\nx y\n")] == ["a b\nx y\n"]
    rows = rows_of('{"body": "a b", "n": 1}\n{"body": "x", "late": 2}\n')
    assert [(row["body"], row["n"], row["late"]) for row in rows] == [
        ("a b", "1", ""),
        ("x", "", "2"),
    ]


def test_questions_are_copied_with_what_they_hold(runs: Runs, output: Output) -> None:
    Path("q.json").write_text(json.dumps([QUESTION, QUESTION | {"id": "r", "answer": "b"}]))
    code, _, _ = output(
        "predict", "--run", runs.questions, "q.json", "--out", "l.jsonl", "--top-k", "5"
    )
    rows = read("l.jsonl")
    assert (code, [row["id"] for row in rows]) == (0, ["q", "r"])
    assert rows[1]["candidates"] == ["a", "b"]
    assert rows[1]["answer"] == "b"
    assert {rows[1]["predicted_label"], rows[1]["predicted_label_2"]} == {"a", "b"}
    assert rows[1]["predicted_label_5"] is None


def test_a_copy_in_the_folder_is_not_read(runs: Runs, output: Output) -> None:
    Path("in").mkdir()
    Path("in/a.txt").write_text("a b c")
    arguments = ("predict", "--run", runs.texts, "in", "--out", "in/l.csv")
    assert output(*arguments)[0] == 0
    assert output(*arguments, "--force")[0] == 0
    assert [row["source_file"] for row in read("in/l.csv")] == ["in/a.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new.csv", "--out", "old.csv"], "old.csv is there. Name another file, or add --force"),
        (["new.csv", "--out", "b.csv"], "b.csv.part is there. Name another file, or add --force"),
        (["old.csv", "--out", "old.csv", "--force"], "this is what is to be predicted"),
        (["new.csv", "--out", "l.txt"], "--out l.txt: use a name that ends in .csv or .jsonl or"),
        (["new.csv", "--out", "no/l.csv"], "there is no folder no. Make it first"),
        (["no.csv", "--out", "l.csv"], "no.csv: no such file or folder; nothing was started"),
        (["new.csv", "--force"], "--force replaces the file of --out"),
        (["--watch", ".", "--out", "l.csv"], "--watch prints rows. Keep them with > l.tsv"),
        (["--watch", ".", "new.csv"], "--watch .: name the folder alone"),
        (["--watch", "no"], "--watch no: there is no such folder"),
        (["a run", "new.csv"], "a run is a run, not documents: prefprop predict --run 'a run'"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(
    output: Output, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prefprop_cli.cli.work.predict", None)  # fails if imported
    for name in ("new.csv", "old.csv", "b.csv.part"):
        Path(name).write_text("body\nx\n")
    Path("a run").mkdir()
    for name in ("manifest.json", "config.toml"):
        (Path("a run") / name).touch()
    code, out, err = output("predict", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert Path("old.csv").read_text() == "body\nx\n"


def test_strict_stops_and_leaves_what_was_written(runs: Runs, output: Output) -> None:
    Path("a.jsonl").write_text('{"body": "a b c"}\n{"body": null}\n{"body": "x y z"}\n')
    code, out, err = output("predict", "--run", runs.texts, "--strict", "a.jsonl", "--out", "l.csv")
    assert (code, out, Path("l.csv").exists()) == (3, "", False)
    assert "l.csv is not whole and not written; 1 row of it: l.csv.part\n" in err
    assert len(read("l.csv.part")) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_old_file_and_whole_rows(
    runs: Runs,
    program: list[str],
    environment: dict[str, str],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    (tmp_path / "l.csv").write_text("old")
    (tmp_path / "new.csv").write_text("body\n" + "a b c\n" * 100_000)
    arguments = ("predict", "--run", runs.texts, "new.csv", "--out", "l.csv", "--force")
    process = subprocess.Popen(
        [*program, *map(str, arguments)],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        while process.poll() is None and not _has_rows(tmp_path / "l.csv.part"):
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (128 + number, "")
    assert (tmp_path / "l.csv").read_text() == "old"
    header, *rows = (tmp_path / "l.csv.part").read_text().splitlines()
    assert f"l.csv is not whole and not written; {len(rows):,} rows of it: l.csv.part\n" in err
    assert {row.count(",") for row in (header, *rows)} == {5}
    assert f"new.csv,{len(rows)}," in rows[-1]


def _has_rows(path: Path) -> bool:
    """Whether there are two rows and a header: of a single one another word is told."""
    return path.exists() and path.read_bytes().count(b"\n") > 2


def test_what_can_be_read_once_is_copied_too(runs: Runs, output: Output) -> None:
    os.mkfifo("pipe.csv")
    text = "n,body\n1,a b\n2,x\n"
    writer = threading.Thread(target=Path("pipe.csv").write_text, args=(text,), daemon=True)
    writer.start()
    assert output("predict", "--run", runs.texts, "pipe.csv", "--out", "l.csv")[0] == 0
    writer.join()
    assert [(row["n"], row["body"]) for row in read("l.csv")] == [("1", "a b"), ("2", "x")]
