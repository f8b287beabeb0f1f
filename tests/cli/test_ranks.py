"""The commands started as two processes: one run folder, and the answers of one process."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prefprop_cli.cli.app import main
from tests.helpers import project

AsTwo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A configuration without dropout, whose steps do not divide evenly."""
    backbone = project.write_backbone(tmp_path / "backbone")
    documents = project.write_documents(tmp_path / "documents.jsonl", range(36))
    config = project.write_config(
        tmp_path / "tiny.toml", backbone=backbone, documents=documents, batch_size=5
    )
    text = config.read_text().replace("[model]\n", "[model]\ndropout = 0.0\n")
    config.write_text(text.replace("[method]\n", "[method]\ndropout = 0.0\n"))
    return config


@pytest.fixture
def as_two(environment: dict[str, str], tmp_path: Path) -> AsTwo:
    # The dashes keep torchrun from taking `--run` for one of its own flags.
    torchrun = ["torch.distributed.run", "--nproc-per-node=2", "--standalone", "-m", "--"]

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", *torchrun, "prefprop_cli", *map(str, arguments)],
            env={**environment, "PREFPROP_CACHE": str(tmp_path / "cache")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=True,
        )

    return run


def losses(run: Path) -> list[float]:
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row["loss"] for row in rows if "loss" in row]


def test_two_processes_do_what_one_does(
    small: Path,
    as_two: AsTwo,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(["train", "-p", str(small), "--out", str(one), "-q"]) == 0
    told = as_two("train", "-p", small, "--out", two)
    assert told.stdout == f"{two}\n"
    assert told.stderr.count("run: ") == 1
    assert losses(two) == pytest.approx(losses(one), abs=1e-6)
    assert json.loads((two / "manifest.json").read_text())["status"] == "finished"

    (tmp_path / "texts.txt").write_text("".join(project.text(n) + "\n" for n in range(7)))
    arguments = ("predict", "--lines", "texts.txt", "-q", "--run", str(two))
    capfd.readouterr()
    assert main(list(arguments)) == 0
    answers = capfd.readouterr().out
    assert len(answers.splitlines()) == 7
    assert as_two(*arguments).stdout == answers

    # One of the processes writes the copy.
    assert as_two(*arguments, "--out", "labelled.csv").stdout == "labelled.csv\n"
    _, *rows = (tmp_path / "labelled.csv").read_text().splitlines()
    labels = [line.split("\t")[1] for line in answers.splitlines()]
    assert [row.split(",")[1] for row in rows] == labels
