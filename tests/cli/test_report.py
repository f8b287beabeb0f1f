"""`prefprop report` on run folders that nobody trained, and on one that was."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from prefprop_cli.cli.app import main
from tests.helpers import finished, project

Output = Callable[..., tuple[int, str, str]]

TIMING = {"method": "head-only", "text": 4096, "docs_per_s": 2.0, "overhead": 0.0}
TIMING |= {f"{name}_{end}": 1.0 for name in ("docs_per_s", "overhead") for end in ("low", "high")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for method, quality in (("prefix-propagation", 1.6), ("prefix-tuning", 0.9)):
        for seed in range(3):
            config = finished.config(method, data={"source": "gone"})
            finished.write(folder / f"{method}-{seed}", config, quality=quality, seed=seed)
    return folder


@pytest.fixture
def report(output: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Output:
    """Run `prefprop report`, with an empty cache."""
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    return partial(output, "report")


def test_tables_as_markdown_where_nobody_looks_at_a_terminal(runs: Path, report: Output) -> None:
    code, out, err = report(runs)
    assert code == 0, err
    assert out.startswith("## Table 2: scores in %")
    assert "| prefix-propagation | 3 | " in out
    assert "## Table 3: expected calibration error" in out
    assert "Table 7" not in out
    assert "Without baselines: " in out
    assert out.endswith(".\n")


def test_a_terminal_shows_aligned_tables(
    runs: Path, report: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    code, out, err = report(runs, "--figure", "2", "-q")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0] == "Figure 2: the score of every seed, in %"
    assert lines[2] == "hyperpartisan"
    assert lines[4].startswith("method              mean F1  of each seed")
    assert lines[6].startswith("prefix-propagation  ")


def test_columns_in_which_nothing_stands_are_left_out(runs: Path, report: Output) -> None:
    header = (
        "| method | seeds | P | R | F1 | accuracy | 95 % of F1, seeds | with documents | paper |"
    )
    assert header in report(runs, "--table", "2")[1]
    one = report(runs / "prefix-tuning-0", "--table", "2")[1]
    assert header.replace(" 95 % of F1, seeds |", "") in one


@pytest.mark.parametrize("columns", [60, 80])
def test_tables_and_text_fit_a_terminal(
    runs: Path, report: Output, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    out = report(runs)[1]
    assert max(map(cell_len, out.splitlines())) <= columns
    assert "Table 3: expected calibration error" in " ".join(out.split())


def test_one_run_on_a_page(runs: Path, report: Output) -> None:
    code, out, _ = report(runs / "prefix-tuning-0", "--html", "page.html")
    assert (code, out) == (0, "page.html\n")
    text = Path("page.html").read_text()
    assert text.startswith("<!doctype html>")
    assert str(runs / "prefix-tuning-0") in text
    assert json.loads(report(runs / "prefix-tuning-0", "--html", "page.html", "--json")[1]) == {
        "html": "page.html"
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["one", "--html", "-"], "--html -: use a name that ends in .html or .htm"),
        (["one", "two", "--html", "x.html"], "--html is of one run. Name one at a time"),
        (["one", "--html", "x.html", "--table", "2"], "Leave out --table, --figure and --out"),
        (["late", "--html", "x.html"], "late was never begun"),
    ],
)
def test_a_page_that_cannot_be_written(arguments: list[str], message: str, report: Output) -> None:
    finished.write(Path("one"), finished.config())
    late = finished.write(Path("late"), finished.config(), status="running")
    shutil.rmtree(late / "adapter")
    code, out, err = report(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not Path("x.html").exists()


def test_json_has_everything(runs: Path, report: Output) -> None:
    code, out, _ = report(runs, "--table", "2", "--json")
    record = json.loads(out)
    assert code == 0
    (found,) = record["parts"]["table-2"]["sets"]
    comparison = found["comparisons"][0]
    assert comparison["second"] == "prefix-tuning"
    assert comparison["permutation"]["least"] == 0.1
    assert comparison["detectable_sd"] == pytest.approx(3.0709, abs=1e-4)
    assert [line["seeds"] for line in found["lines"]] == [[0, 1, 2], [0, 1, 2]]


def test_the_ending_of_out_decides(runs: Path, report: Output) -> None:
    pytest.importorskip("matplotlib")
    assert report(runs, "--table", "3", "--out", "new/t.md")[0] == 0
    assert Path("new/t.md").read_text().startswith("## Table 3")
    _, out, _ = report(runs, "--table", "3", "--out", "t.json", "--json")
    assert json.loads(Path("t.json").read_text()) == json.loads(out)
    assert report(runs, "--figure", "4", "--out", "f.svg")[0] == 0
    first = Path("f.svg").read_bytes()
    assert first.startswith(b"<?xml")
    report(runs, "--figure", "4", "--out", "f.svg")
    assert Path("f.svg").read_bytes() == first


def test_a_folder_gets_all_that_can_be_made(runs: Path, report: Output) -> None:
    pytest.importorskip("matplotlib")
    Path("speed.json").write_text(json.dumps({"rows": [TIMING]}))
    code, _, err = report(runs, "speed.json", "--out", "all")
    assert code == 0, err
    assert {path.name for path in Path("all").iterdir()} == {
        *("report.md", "report.json", "figure-2.svg", "figure-4.svg"),
    }
    text = Path("all/report.md").read_text()
    for title in ("Table 2", "Table 3", "Table 7", "Figure 2", "Figure 4"):
        assert f"\n## {title}" in f"\n{text}"
    assert "![Figure 2" in text
    assert "without figure 3: " in err


def test_skipped_runs_are_told(runs: Path, report: Output) -> None:
    finished.write(Path("late"), finished.config(), status="running", seed=7)
    code, out, err = report(runs, "late", "--table", "2", "--json")
    assert code == 0
    assert "left out, running: late" in err
    assert json.loads(out)["notes"] == ["left out, running: late"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 2, "nowhere does not exist"),
        (["empty"], 2, "holds no run folder"),
        (["late"], 2, "none were found. Train one first\nleft out, running: late"),
        (["late", "--table", "7"], 2, "Name FILE.json of `python benchmarks/table_7.py"),
        (["late", "--out", "x.pdf"], 2, "ends in .md, .json, .svg, .png, or a folder"),
        (["late", "--out", "x.svg"], 2, "holds one figure"),
        (["late", "--table", "2", "--out", "x.svg"], 2, "holds one figure"),
        (["wrong.json"], 3, "holds no timings of table 7"),
        (["short"], 3, "short was evaluated on other documents of test"),
        (["--table", "4", "late"], 2, "'4' is not one of"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_code(
    arguments: list[str], code: int, message: str, report: Output, capfd: pytest.CaptureFixture[str]
) -> None:
    finished.write(Path("late"), finished.config(), status="running")
    Path("wrong.json").write_text("{}")
    Path("empty").mkdir()
    if arguments == ["short"]:
        whole = finished.write(Path("short/a"), finished.config())
        short = finished.write(Path("short/short"), finished.config(), seed=1, n=40)
        name = "eval/validation.safetensors"
        (short / name).write_bytes((whole / name).read_bytes())
    found, out, err = report(*arguments)
    assert (found, out) == (code, ""), err
    assert message in err
    assert "Traceback" not in err


def test_a_run_that_was_trained(report: Output, tmp_path: Path) -> None:
    """Its test split is computed if it is not; its texts give the baselines and the lengths."""
    pytest.importorskip("matplotlib")
    backbone = project.write_backbone(tmp_path / "backbone")
    documents = project.write_documents(tmp_path / "documents.jsonl", range(48))
    config = project.write_config(tmp_path / "tiny.toml", backbone=backbone, documents=documents)
    assert main(["train", "-p", str(config), "--out", "runs/one", "-q"]) == 0
    stored = tmp_path / "runs" / "one" / "eval" / "test.safetensors"
    stored.unlink(missing_ok=True)  # training has computed it, if it took a small part of its time
    code, out, err = report("runs", "--out", "all", "--json")
    assert code == 0, err
    assert "evaluating runs/one on test (1 of 1)" in err
    parts = json.loads(out)["parts"]
    (found,) = parts["table-2"]["sets"]
    assert found["name"] == "documents.jsonl"
    (majority,) = found["baselines"]
    assert (majority["name"], majority["figures"]["f1_micro"]) == ("most frequent class", 0.5)
    assert "needs texts with words" in " ".join(found["notes"])  # they are single letters
    lengths = parts["figure-3"]["sets"]["documents.jsonl"]
    assert lengths["n"] == 48
    n_tokens = [2 + len(project.text(number).split()) for number in range(48)]
    assert lengths["percentiles"]["50"] == np.percentile(n_tokens, 50, method="nearest")
    assert (tmp_path / "all" / "figure-3.svg").exists()
    (course,) = parts["figure-4"]["sets"][0]["courses"]
    assert course["epochs"] == [1, 2]
    before = stored.stat().st_mtime_ns
    assert "evaluating" not in report("runs", "--table", "2")[2]
    assert stored.stat().st_mtime_ns == before
