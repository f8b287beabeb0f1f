"""What `predict` and `eval --data` make of the files they are given."""

import io
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from prefprop_cli.data.corpus import Document
from prefprop_cli.data.inputs import Reading
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.predict import _predicted, newest_for
from prefprop_cli.runs import RunFolder
from tests.helpers import project
from tests.helpers.two_runs import QUESTION, Runs

Output = Callable[..., tuple[int, str, str]]
TOO_MANY = QUESTION | {"id": "many", "candidates": [f"c {k}" for k in range(40)]}


def ids(out: str) -> list[str]:
    return [line.split("\t")[0] for line in out.splitlines()]


def answers(out: str) -> list[str]:
    return [line.split("\t")[1] for line in out.splitlines()]


def labels_are_known(out: str) -> bool:
    return set(answers(out)) <= set(project.LABELS)


# --- the columns of a table


def test_tables_are_read_by_the_columns_of_the_run(runs: Runs, output: Output) -> None:
    Path("new.csv").write_text("n,body\n1,a b c\n2,x y z\n")
    code, out, _ = output("predict", "--run", runs.texts, "new.csv")
    assert (code, ids(out)) == (0, ["new.csv:2", "new.csv:3"])
    Path("labelled.csv").write_text("body,kind\na b c,even\nx y z,odd\n")  # and no author
    code, out, _ = output("eval", runs.texts, "--data", "labelled.csv", "--json")
    assert (code, json.loads(out)["n"]) == (0, 2)


def test_other_columns_are_named(runs: Runs, output: Output) -> None:
    Path("new.csv").write_text("text,label\na b c,even\n")
    code, out, err = output("predict", "--run", runs.texts, "new.csv", "--text-column", "txet")
    assert (code, answers(out)) == (3, ["ERROR"])
    assert "no column 'txet'; found 'text', 'label'" in err
    assert "Did you mean 'text'? --text-column text" in err
    named = ("--text-column", "text")
    assert output("predict", "--run", runs.texts, *named, "new.csv")[0] == 0
    code, _, err = output("eval", runs.texts, "--data", "new.csv", *named)
    assert code == 3
    assert "no column 'kind'; found 'text', 'label'" in err
    both = (*named, "--label-column", "label")
    assert output("eval", runs.texts, "--data", "new.csv", *both)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["eval", "texts", "--text-column", "text"], "are of the file that --data names"),
        (["eval", "questions", "--data", "q.json", "--label-column", "x"], "no columns to name"),
        (["predict", "--run", "questions", "--text-column", "x", "q.json"], "not columns"),
    ],
)
def test_columns_where_there_are_none(
    runs: Runs, output: Output, arguments: list[str], message: str
) -> None:
    Path("q.json").write_text(json.dumps(QUESTION))
    folders = {"texts": runs.texts, "questions": runs.questions}
    code, out, err = output(*(folders.get(argument, argument) for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err


def test_another_column_is_found_by_name_or_content_and_said(runs: Runs, output: Output) -> None:
    long = "a b c x y z " * 4
    Path("name.csv").write_text("Review,label\na b c,even\n")
    Path("content.jsonl").write_text(json.dumps({"id": "a1", "what": long}) + "\n")
    code, out, err = output("predict", "--run", runs.texts, "name.csv", "content.jsonl")
    assert (code, ids(out)) == (0, ["name.csv:2", "content.jsonl:1"])
    told = "no column 'body' as in training; text ← 'Review', by its name. Another: --text-column"
    assert f"warning: name.csv: {told} NAME, or another run: --run RUN\n" in err
    assert "content.jsonl: no column 'body' as in training; text ← 'what', by its content" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "n,m\n1,2\n3,4\n",
            "no column 'body'; found 'n', 'm'. Name one with --text-column NAME, or another run: "
            "--run RUN",
        ),
        ("a b c,even\nx y z a b c,odd\n" * 3, "found 'a b c', 'even'. Name one with"),
        (("a b c " * 40 + ",even\n") * 4, "it looks as if there is no header line"),
    ],
)
def test_a_file_without_such_a_column_is_one_error(
    runs: Runs, output: Output, content: str, message: str
) -> None:
    Path("new.csv").write_text(content)
    code, out, err = output("predict", "--run", runs.texts, "new.csv")
    assert (code, answers(out)) == (3, ["ERROR"])
    assert message in err
    assert err.count("warning: ") == 1


# --- kinds of files


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "body\tn\na b c\t1\nx y z\t2\n"),
        ("a.TSV", "body\tn\na b c\t1\nx y z\t2\n"),
        ("a.CSV", "body,n\na b c,1\nx y z,2\n"),
        ("a.csv", "body;n\na b, c;1\nx y z;2\n"),
        ("a.JSONL", '{"body": "a b c"}\n{"body": "x y z"}\n'),
        ("a.ndjson", '{"body": "a b c"}\n{"body": "x y z"}\n'),
        ("a.json", '[{"body": "a b c"},\n {"body": "x y z"}]\n'),
        ("lines.json", '{"body": "a b c"}\n{"body": "x y z"}\n'),
        ("-", '[{"body": "a b c"}, {"body": "x y z"}]'),
        ("-", '{"body": "a b c"}\n{"body": "x y z"}\n'),
    ],
)
def test_rows_are_documents(
    runs: Runs, output: Output, name: str, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "-":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    else:
        Path(name).write_text(content)
    code, out, _ = output("predict", "--run", runs.texts, name)
    assert (code, len(ids(out))) == (0, 2)
    assert labels_are_known(out)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", json.dumps(QUESTION), "a.json: a question with candidates, where a text"),
        ("-", json.dumps([QUESTION]), "-: a question with candidates, where a text"),
        ("a.html", "<p>a b c</p>", "a.html: markup"),
        ("a.xlsx", "PK", "a.xlsx: a spreadsheet. Save it as .csv"),
        ("a.tsv", "body;n\na b c;1\n", "one column, 'body;n'. Is the file separated by ';'?"),
    ],
)
def test_what_is_no_text_is_refused(
    runs: Runs,
    output: Output,
    name: str,
    content: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "-":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content.encode())))
    else:
        Path(name).write_text(content)
    code, out, err = output("predict", "--run", runs.texts, name)
    assert (code, answers(out)) == (3, ["ERROR"])
    assert message in err


def test_an_empty_name_is_not_the_folder_we_are_in(runs: Runs, output: Output) -> None:
    Path("a.txt").write_text("a b c")
    code, out, err = output("predict", "--run", runs.texts, "", "a.txt")
    assert (code, ids(out), answers(out)[0]) == (3, ["", "a.txt"], "ERROR")
    assert "a document with an empty name" in err


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + ".pdf", "a\0b.txt", "a\0b.jsonl"])
def test_others_are_answered_when_a_name_can_be_of_no_file(
    runs: Runs, output: Output, name: str
) -> None:
    Path("good.txt").write_text("a b c")
    code, out, _ = output("predict", "--run", runs.texts, name, "good.txt")
    assert (code, answers(out)[0], ids(out)[1]) == (3, "ERROR", "good.txt")
    assert answers(out)[1] in project.LABELS


def test_a_folder_is_read_at_any_depth(runs: Runs, output: Output) -> None:
    for path in ("in/b.txt", "in/deep/a.md", "in/deep/er/1", "in/.hidden/c.txt", "in/.c.txt"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("a b c")
    Path("in/table.csv").write_text("body\nx y z\n")
    Path("in/photo.png").write_bytes(b"\x89PNG")
    Path("in/deep/page.html").write_text("<p>")
    code, out, err = output("predict", "--run", runs.texts, "-q", "in")
    assert code == 0
    assert ids(out) == ["in/b.txt", "in/deep/a.md", "in/deep/er/1", "in/table.csv:2"]
    assert labels_are_known(out)
    left_out = "in: files of other kinds are left out: 2 (deep/page.html, photo.png)"
    assert err == f"warning: {left_out}\n"


def test_a_folder_without_documents_is_an_error(runs: Runs, output: Output) -> None:
    Path("empty/inside").mkdir(parents=True)
    Path("empty/.hidden.txt").write_text("a")
    Path("good.txt").write_text("a b c")
    code, out, err = output("predict", "--run", runs.texts, "empty", "good.txt")
    assert code == 3
    assert [row == "ERROR" for row in answers(out)] == [True, False]
    assert "empty: the folder holds no files. What is read: " in err


def test_a_folder_of_questions(runs: Runs, output: Output) -> None:
    Path("in").mkdir()
    Path("in/a.json").write_text(json.dumps(QUESTION))
    Path("in/b.jsonl").write_text(json.dumps(QUESTION | {"id": "r"}) + "\n")
    Path("in/c.txt").write_text("a b c")
    code, out, err = output("predict", "--run", runs.questions, "in")
    assert (code, ids(out)) == (0, ["q", "r"])
    assert "left out: 1 (c.txt)" in err


def test_a_folder_with_nothing_to_read_says_what_is_read(runs: Runs, output: Output) -> None:
    Path("in").mkdir()
    for name in ("a.pdf", "photo.png"):
        (Path("in") / name).write_bytes(b"\xff")
    code, _, err = output("predict", "--run", runs.texts, "in")
    assert code == 3
    listed = "a.pdf (no plain text. Export it as .txt), photo.png"
    assert f"in: 2 files, and none that is read: {listed}. What is read: no ending, .txt" in err


# --- documents that cannot be predicted


def test_ten_thousand_bad_rows_are_few_warnings(runs: Runs, output: Output) -> None:
    Path("new.csv").write_text("body,n\na b c,1\n" + "only one\n" * 5000 + ",2\n" * 5000)
    code, out, err = output("predict", "--run", runs.texts, "new.csv")
    assert (code, len(out.splitlines())) == (3, 10_001)
    assert err.count("warning: ") == 2 * (5 + 1)
    assert "warning: … and 4,995 more like this: 1 fields, the header has 2\n" in err
    assert "predicted 1 of 10,001 documents in " in err
    assert "; 10,000 could not be read\n" in err


def test_the_count_at_the_end(runs: Runs, output: Output) -> None:
    Path("new.csv").write_text("body\n" + "".join(f"{project.text(n)}\n" for n in range(6)))
    _, out, err = output("predict", "--run", runs.texts, "new.csv")
    counts = Counter(answers(out)).most_common()
    labels = ", ".join(f"{label} {count}" for label, count in counts)
    assert re.search(rf"predicted 6 documents in \d+ s: {labels}\n$", err)
    assert output("predict", "--run", runs.texts, "new.csv", "-q")[2] == ""


def test_others_are_answered_when_one_question_has_too_many_candidates(
    runs: Runs, output: Output
) -> None:
    Path("q.json").write_text(json.dumps([QUESTION, TOO_MANY, QUESTION | {"id": "last"}]))
    code, out, err = output("predict", "--run", runs.questions, "q.json")
    assert (code, ids(out)) == (3, ["q", "many", "last"])
    assert [row == "ERROR" for row in answers(out)] == [False, True, False]
    assert "many: 40 candidates need" in err
    assert "1 of 3 documents could not be" in err
    code, out, _ = output("predict", "--run", runs.questions, "--strict", "q.json")
    assert (code, ids(out)) == (3, ["q"])


def test_others_are_answered_when_one_row_is_no_document(runs: Runs, output: Output) -> None:
    Path("a.jsonl").write_text('{"body": "a b c"}\n{"body": null}\n{"body": "x y z"}\n')
    code, out, err = output("predict", "--run", runs.texts, "a.jsonl", "a.jsonl")
    assert (code, len(ids(out))) == (3, 6)
    assert [row == "ERROR" for row in answers(out)] == [False, True, False] * 2
    assert "a.jsonl:2: 'body' is empty, not a text" in err


def test_an_answer_is_not_read_where_one_is_asked_for(runs: Runs, output: Output) -> None:
    Path("q.json").write_text(json.dumps(QUESTION | {"answer": "none of them"}))
    assert output("predict", "--run", runs.questions, "q.json")[0] == 0
    code, _, err = output("eval", runs.questions, "--data", "q.json")
    assert code == 3
    assert "the answer 'none of them' is none of the 2 candidates" in err


def test_others_are_answered_when_one_table_is_damaged(runs: Runs, output: Output) -> None:
    Path("a.txt").write_text("a b c")
    Path("broken.parquet").write_bytes(b"PAR1 and no more")
    code, out, err = output("predict", "--run", runs.texts, "a.txt", "broken.parquet", "a.txt")
    assert (code, ids(out)) == (3, ["a.txt", "broken.parquet", "a.txt"])
    assert [row == "ERROR" for row in answers(out)] == [False, True, False]
    assert "broken.parquet: not a readable parquet file" in err
    code, out, _ = output("predict", "--run", runs.texts, "--strict", "broken.parquet", "a.txt")
    assert (code, out) == (4, "")


def test_those_of_a_batch_that_can_be_predicted_are() -> None:
    class Fussy:
        """A run that takes no batch with the text `bad`."""

        def stream(
            self, documents: Sequence[Document], *, batch_size: int, calibrated: bool
        ) -> Iterator[str]:
            for document in documents:
                if document.text == "bad":
                    raise DataError(f"{document.id} is bad")
            yield from (document.text.upper() for document in documents)

    batch = [Document(str(k), text, label=None) for k, text in enumerate(["a", "bad", "b"])]
    first, second, third = _predicted(Fussy(), batch, calibrated=True)  # type: ignore[arg-type]
    assert (first, third) == ("A", "B")
    assert isinstance(second, DataError)
    assert str(second) == "1 is bad"


# --- which run


@pytest.fixture
def both(runs: Runs, tmp_path: Path) -> Path:
    """A folder with both runs, of which that on questions is the newer one."""
    for name in ("texts", "questions"):
        shutil.copytree(getattr(runs, name), tmp_path / "runs" / name)
    return tmp_path


def test_the_run_that_was_taken_is_told(both: Path, output: Output) -> None:
    Path("a.txt").write_text("a b c")
    code, out, err = output("predict", "a.txt")
    assert code == 0
    assert labels_are_known(out)
    assert err.startswith("run: runs/texts, 2 classes: even, odd\n")


@pytest.mark.parametrize("name", ["q.json", "q.jsonl", "q.JSON", "folder", "-"])
def test_questions_are_answered_by_a_run_on_questions(
    both: Path, output: Output, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunFolder(both / "runs" / "texts").update_manifest(started="2999-01-01T00:00:00.000+00:00")
    content = json.dumps(QUESTION)
    if name == "-":
        stream = io.BufferedReader(io.BytesIO(content.encode()))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    elif name == "folder":
        Path("folder/deep").mkdir(parents=True)
        Path("folder/deep/q.json").write_text(content)
    else:
        Path(name).write_text(content)
    code, out, err = output("predict", name)
    assert (code, ids(out)) == (0, ["q"]), err
    assert "run: runs/questions, which chooses among the candidates of questions\n" in err


def test_a_newer_run_that_is_not_finished_is_told_of(both: Path, output: Output) -> None:
    Path("a.txt").write_text("a b c")
    shutil.copytree(both / "runs" / "texts", both / "runs" / "later")
    later = RunFolder(both / "runs" / "later")
    later.update_manifest(started="2999-01-01T00:00:00.000+00:00", status="interrupted")
    code, _, err = output("predict", "a.txt")
    assert code == 0
    assert "run: runs/texts, 2 classes" in err
    assert "passed over: runs/later, newer, " in err
    assert "Go on with it: prefprop train --resume runs/later\n" in err
    for name in ("texts", "questions"):
        shutil.rmtree(both / "runs" / name)
    code, _, err = output("predict", "a.txt")
    assert code == 2
    assert "holds no finished run that classifies texts. runs/later stopped at step" in err
    assert "go on: prefprop train --resume runs/later\n" in err


def test_no_run_of_another_task_is_taken(both: Path, output: Output) -> None:
    shutil.rmtree(both / "runs" / "texts")
    Path("a.txt").write_text("a b c")
    code, out, err = output("predict", "a.txt")
    assert (code, out) == (2, "")
    assert "./runs holds no finished run that classifies texts" in err


# --- which run predicts


@pytest.fixture
def two_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Finished runs on the columns `review` and, newer, `Beschwerde`, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PREFPROP_RUN", raising=False)
    for day, column in enumerate(["review", "Beschwerde"], start=1):
        run = RunFolder.create_at(Path("runs") / column)
        run.config.write_text(f'[data]\nsource = "x.csv"\ntext_column = "{column}"\n')
        run.update_manifest(status="finished", started=f"2026-01-0{day}")
    return tmp_path


@pytest.mark.parametrize(
    ("header", "named", "chosen"),
    [
        ("n,Review", None, "review"),
        ("n,Beschwerde", None, "Beschwerde"),
        ("n,words", None, "Beschwerde"),
        ("n,words", "words", "Beschwerde"),
    ],
)
def test_the_newest_run_with_the_columns_of_the_table(
    header: str, named: str | None, chosen: str, two_columns: Path
) -> None:
    Path("new.csv").write_text(f"{header}\n1,a b c\n")
    choice = newest_for(["new.csv"], Reading(text_column=named))
    assert choice.folder.path == Path("runs") / chosen


@pytest.mark.usefixtures("two_columns")
def test_what_has_no_columns_goes_to_the_newest_run() -> None:
    Path("speech.txt").write_text("a b c")
    Path("torn.csv").write_bytes(b"\xff\xfe\x00")
    for name in ("speech.txt", "torn.csv", "nowhere.csv", "."):
        assert newest_for([name], Reading()).folder.path.name == "Beschwerde"


def test_a_file_that_is_not_there_is_told_before_anything_is_loaded(
    two_columns: Path, output: Output
) -> None:
    Path("reviews.csv").write_text("review\na b c\n")
    code, out, err = output("predict", "review.csv")
    assert (code, out) == (3, "")
    assert err == "error: review.csv: no such file or folder. Did you mean reviews.csv?\n"


def test_the_name_of_a_run_without_its_folder(two_columns: Path, output: Output) -> None:
    code, _, err = output("show", "review")
    assert code == 2
    assert "review does not exist. Did you mean runs/review?" in err
