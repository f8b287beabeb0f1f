"""`runs` and `show`, and the run that `eval`, `calibrate` and `report` take by themselves."""

import hashlib
import json
import resource
import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len

from prefprop_cli.runs import RunFolder
from tests.cli.conftest import Cli, Output
from tests.helpers import finished


def interrupted(path: Path, started: str, *, status: str = "interrupted") -> RunFolder:
    """A run that has two checkpoints of ten steps, the first of which is its best."""
    finished.write(path, finished.config(), status=status, splits=(), started=started)
    run = RunFolder(path)
    for step in (5, 7):
        (run.checkpoints / f"step-{step:06d}").mkdir(parents=True)
    shutil.rmtree(run.adapter)
    digest = hashlib.sha256(run.config.read_bytes()).hexdigest()
    reason = "NonFiniteError: the loss is nan" if status == "failed" else "interrupted"
    run.update_manifest(config_sha256=digest, n_steps=10, exit_reason=reason)
    return run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of runs: finished ones, one that was interrupted later, and what is no run."""
    parent = tmp_path / "runs"
    config = finished.config("prefix-tuning", data={"set": "files", "source": "in/own.csv"})
    finished.write(parent / "new", config, started="2026-11-23", quality=1.5)
    finished.write(parent / "old", finished.config(), started="2026-11-21", splits=())
    interrupted(parent / "late", "2026-11-24")
    finished.write(parent / "damaged", finished.config(), started="2026-11-25")
    (parent / "damaged" / "manifest.json").write_text("{")
    (parent / "notes.txt").write_text("")
    (parent / "folder").mkdir()
    return parent


def terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))


def test_runs_are_listed_newest_first_as_rows_in_a_pipe(runs: Path, output: Output) -> None:
    code, out, err = output("runs")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows] == ["runs/late", "runs/new", "runs/old"]
    assert rows[0][1:4] == ["2026-11-24", "interrupted", "7/10"]
    assert rows[1][4:7] == ["own.csv", "prefix-tuning", "f1_micro"]
    best = json.loads(output("eval", "runs/new", "--split", "validation", "--json")[1])
    assert rows[1][7] == f"{best['metrics']['f1_micro']['value']:.4f}"
    test = json.loads(output("eval", "runs/new", "--json")[1])
    assert rows[1][8] == f"{test['metrics']['accuracy']['value']:.4f}"
    assert rows[2][8] == "-"
    assert "warning: runs/damaged: runs/damaged/manifest.json is damaged" in err
    assert "no runs in runs: folder, notes.txt\n" in err


def test_runs_as_json(runs: Path, output: Output) -> None:
    found = json.loads(output("runs", runs, "--json")[1])
    assert [run["status"] for run in found["runs"]] == ["interrupted", "finished", "finished"]
    assert (found["runs"][0]["step"], found["runs"][0]["n_steps"]) == (7, 10)
    assert found["runs"][1]["run"] == str(runs / "new")
    assert 0.5 < found["runs"][1]["test_accuracy"] < 1
    assert found["runs"][2]["test_accuracy"] is None
    assert [*found["damaged"]] == [str(runs / "damaged")]
    assert found["others"] == ["folder", "notes.txt"]


def test_damaged_logits_cost_one_cell(runs: Path, output: Output) -> None:
    (runs / "new" / "eval" / "test.safetensors").write_bytes(b"no")
    code, out, _ = output("runs")
    assert code == 0
    assert [line.rpartition("\t")[2] for line in out.splitlines()] == ["-", "damaged", "-"]


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_runs_fit_a_terminal(
    runs: Path, columns: int, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished.write(runs / "a-name-20261126-054803", finished.config(train={"metric": "nll"}))
    terminal(monkeypatch, columns)
    code, out, _ = output("runs")
    assert code == 0
    assert max(map(cell_len, out.splitlines())) <= columns
    text = " ".join(out.split())
    for part in ("a-name-20261126-054803", "own.csv", "interrupted", "nll"):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 0, "runs holds no runs. Begin with: prefprop train FILE"),
        (("nowhere",), 2, "nowhere does not exist. Name a folder that holds run folders"),
        (("one",), 2, "one is one run. Show it: prefprop show one"),
    ],
)
def test_where_there_are_no_runs(
    arguments: tuple[str, ...], code: int, message: str, output: Output
) -> None:
    finished.write(Path("one"), finished.config())
    found, out, err = output("runs", *arguments)
    assert (found, out) == (code, "")
    assert message in err


def test_a_run_that_is_trained_or_was_never_begun(runs: Path, output: Output) -> None:
    RunFolder.create_at(runs / "begun").update_manifest(started="2026-11-26")
    with RunFolder(runs / "late").lock():
        out = output("runs")[1]
    assert [line.split("\t")[2] for line in out.splitlines()] == [
        *("not begun", "training", "finished", "finished")
    ]


def test_a_run_is_shown(runs: Path, output: Output) -> None:
    output("calibrate", "runs/new")
    code, out, err = output("show", "runs/new")
    assert code == 0, err
    rows = dict(line.split("\t") for line in out.splitlines())
    assert rows["run"] == "runs/new"
    assert rows["status"].startswith("finished, started ")
    assert rows["data"] == "own.csv, text ← text, label ← label"
    assert rows["classes"] == "2: class 0, class 1"
    assert rows["method"] == "prefix-tuning, prefix_length 8"
    assert rows["test"].startswith("accuracy 0.")
    assert " on 60, f1_macro 0." in rows["test"]
    assert rows["calibrator"].startswith("temperature, T = ")
    assert "ECE 0." in rows["calibration"]
    assert err == "next:  prefprop predict new.csv --run runs/new\n"
    found = json.loads(output("show", "runs/new", "--json")[1])
    assert found["evaluations"][1]["n"] == 60
    assert found["next"] == ["prefprop predict new.csv --run runs/new"]


def test_the_newest_run_is_shown_finished_or_not(runs: Path, output: Output) -> None:
    code, out, err = output("show")
    assert code == 0
    rows = dict(line.split("\t") for line in out.splitlines())
    assert rows["run"] == "runs/late"
    assert rows["status"].startswith("interrupted at step 7 of 10, started ")
    assert "test" not in rows
    assert err == "next:  prefprop train --resume runs/late\n"
    run = interrupted(runs / "failed", "2026-11-25", status="failed")
    assert "NonFiniteError: the loss is nan" in output("show")[1]
    run.update_manifest(validation=None)
    (run.path / "metrics.jsonl").write_text("{\n")
    code, out, err = output("show")
    assert code == 0
    assert "warning: runs/failed/metrics.jsonl:1 is damaged" in err


def test_what_cannot_be_shown(output: Output) -> None:
    assert output("show")[2] == (
        "error: ./runs holds no runs. Name one, or train one: prefprop train -p demo\n"
    )
    assert output("show", "nowhere")[0] == 2


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_run_fits_a_terminal(
    runs: Path, columns: int, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal(monkeypatch, columns)
    code, out, _ = output("show", "runs/new")
    assert code == 0
    assert max(map(cell_len, out.splitlines())) <= columns


@pytest.mark.parametrize("command", ["eval", "calibrate", "report"])
def test_the_newest_finished_run_is_taken_and_said(
    command: str, runs: Path, output: Output
) -> None:
    code, out, err = output(command)
    assert code == 0, err
    assert err.startswith(
        "run: runs/new (newest finished)\n"
        "passed over: runs/late, newer, interrupted at step 7 of 10. "
        "Go on with it: prefprop train --resume runs/late\n"
    )
    assert output(command, "runs/new")[1] == out


def test_the_run_of_the_environment_is_taken_and_said(
    runs: Path, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFPROP_RUN", "runs/new")
    assert output("eval")[2].startswith("run: runs/new (PREFPROP_RUN)\n60 documents of test")


@pytest.mark.parametrize(
    ("arguments", "budget_s"),
    [
        (("runs",), 0.4),
        (("show", "runs/new"), 0.6),
        (("eval", "nowhere"), 0.3),
        (("calibrate", "nowhere"), 0.3),
        (("report", "nowhere"), 0.3),
        (("eval", "runs/new", "--compare", "nowhere"), 0.3),
        (("eval", "runs/late"), 0.3),
    ],
    ids=str,
)
def test_what_needs_no_model_answers_at_once(
    arguments: tuple[str, ...], budget_s: float, runs: Path, cli: Cli
) -> None:
    """One of some runs is within the budget: what the machine does beside it only adds."""
    spent_s: list[float] = []
    while len(spent_s) < 10 and min(spent_s, default=budget_s) >= budget_s:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert cli(*arguments).returncode == (0 if arguments[0] in ("runs", "show") else 2)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent_s) < budget_s
