"""The commands of the README, run as they are written, one block after another.

They find small repositories on a hub of the test's own and presets of less work
(`tests/helpers/readme.py`); the program, its names and its flags are those of the README.
"""

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.helpers import project
from tests.helpers.hub import Hub
from tests.helpers.readme import ROOT, blocks, fill_hub, lay_out

BLOCKS = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
# What these do is what runs the tests, or is done to a built wheel in `test_wheel.py`.
OF_THE_INSTALLATION = ("make ", "pip install ")
TRIED = [
    pytest.param(language, content, id=next(filter(None, content.splitlines()))[:60])
    for language, content in BLOCKS
    if language in ("", "console", "python") and not content.startswith(OF_THE_INSTALLATION)
]
OWN, DEMO = TRIED[0], next(each for each in TRIED if "train -p demo)" in each.values[1])
OTHERS = [each for each in TRIED if each not in (OWN, DEMO)]


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the README in an empty folder."""

    folder: Path
    environment: dict[str, str]

    def run(self, language: str, content: str) -> str:
        """What a block writes to stdout; a command that fails ends the test."""
        if language == "python":
            command = [sys.executable, "-c", content]
        else:
            command = ["bash", "-euo", "pipefail", "-c", content]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"{content}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("readme")
    hub = Hub()
    fill_hub(hub, folder / "models")
    (folder / "work").mkdir()
    lay_out(folder / "work")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {
        **{key: value for key, value in os.environ.items() if key != "PREFPROP_RUN"},
        **hub.environment(folder),
        "PATH": programs,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    yield Reader(folder / "work", environment)
    hub.close()


def test_the_first_block_labels_the_rows_of_a_csv(reader: Reader) -> None:
    reader.run(*OWN.values)
    with open(reader.folder / "labelled.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(reader.folder / "new.csv", encoding="utf-8", newline="") as file:
        given = [row["review"] for row in csv.DictReader(file)]
    assert [row["review"] for row in rows] == given
    assert {row["predicted_label"] for row in rows} <= {*project.LABELS}
    assert (reader.folder / "report.html").stat().st_size > 10_000


@pytest.fixture(scope="module")
def first_run(reader: Reader) -> str:
    """The demo: train, evaluate, calibrate, predict."""
    return reader.run(*DEMO.values)


def test_the_demo_labels_a_speech(first_run: str, reader: Reader) -> None:
    assert list((reader.folder / "runs").glob("demo-*/adapter/trained.safetensors"))
    path, label, probability = first_run.splitlines()[-1].split("\t")
    assert path == "speech.txt"
    first, last = map(int, label.split("-"))
    assert 1790 <= first < last
    assert 0 < float(probability) <= 1


@pytest.fixture
def named_runs(first_run: str, reader: Reader) -> None:
    """Runs under the names that later blocks have for them."""
    [run, *_] = (reader.folder / "runs").glob("demo-*")
    reader.environment.setdefault("run", str(run))
    for name in ("a", "b", "c", "demo-20261121-093000"):
        if not (reader.folder / "runs" / name).exists():
            shutil.copytree(run, reader.folder / "runs" / name)


@pytest.mark.usefixtures("named_runs")
@pytest.mark.parametrize(("language", "content"), OTHERS)
def test_a_later_block(language: str, content: str, reader: Reader) -> None:
    assert reader.run(language, content)


def test_every_block_of_commands_is_run() -> None:
    languages = [language for language, _ in BLOCKS]
    assert set(languages) <= {"", "console", "python"}, "a block of another kind is not tested"
    assert len(OTHERS) >= 4
