"""The commands of the README and of `docs/`, run as they are written, one block after another.

They find small repositories on a hub of the test's own and presets of less work
(`tests/helpers/docs.py`); the program, its names and its flags are those of the page.
"""

import csv
import os
import pydoc
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from prefprop_cli.config.schema import Config
from tests.helpers import project
from tests.helpers.docs import ROOT, blocks, fill_hub, lay_out
from tests.helpers.hub import Hub

PAGES = [
    ROOT / "README.md",
    ROOT / "docs" / "tutorial.md",
    ROOT / "docs" / "methods.md",
    ROOT / "docs" / "install.md",
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]
BLOCKS = [
    (page, language, content)
    for page in PAGES
    for language, content in blocks(page.read_text(encoding="utf-8"))
]
# What these do is what runs the tests, or is done to a built wheel in `test_wheel.py`.
ELSEWHERE = ("make ", "pip install ", "torchrun ")
TRIED = [
    pytest.param(language, content, id=f"{page.stem}: {content.splitlines()[0][:60]}")
    for page, language, content in BLOCKS
    if language in ("console", "python", "") and not content.startswith(ELSEWHERE)
]
OWN, DEMO = TRIED[0], next(each for each in TRIED if "train -p demo)" in each.values[1])
OTHERS = [each for each in TRIED if each not in (OWN, DEMO)]


@dataclass(frozen=True)
class Reader:
    """Somebody who follows a page in an empty folder."""

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
    folder = tmp_path_factory.mktemp("docs")
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


@pytest.fixture(scope="module")
def own_run(reader: Reader) -> None:
    """The two commands at the top: a run on a table, and another table labelled."""
    reader.run(*OWN.values)


@pytest.mark.usefixtures("own_run")
def test_the_first_block_labels_the_rows_of_a_csv(reader: Reader) -> None:
    with open(reader.folder / "labelled.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(reader.folder / "new.csv", encoding="utf-8", newline="") as file:
        given = [row["review"] for row in csv.DictReader(file)]
    assert [row["review"] for row in rows] == given
    assert {row["predicted_label"] for row in rows} <= {*project.LABELS}


@pytest.fixture(scope="module")
def first_run(reader: Reader) -> str:
    """The demo: train, evaluate, predict."""
    return reader.run(*DEMO.values)


def test_the_demo_labels_a_speech(first_run: str, reader: Reader) -> None:
    assert list((reader.folder / "runs").glob("demo-*/adapter/trained.safetensors"))
    path, label, probability = first_run.splitlines()[-1].split("\t")
    assert path == "speech.txt"
    first, last = map(int, label.split("-"))
    assert 1790 <= first < last
    assert 0 < float(probability) <= 1


@pytest.fixture
def named_runs(own_run: None, first_run: str, reader: Reader) -> None:
    """Runs under the names that later blocks have for them."""
    runs = reader.folder / "runs"
    for pattern, name in (("demo-*", "demo-20261121-093000"), ("reviews-*", "reviews")):
        if not (runs / name).exists():
            shutil.copytree(next(iter(sorted(runs.glob(pattern)))), runs / name)


@pytest.mark.usefixtures("named_runs")
@pytest.mark.parametrize(("language", "content"), OTHERS)
def test_a_later_block(language: str, content: str, reader: Reader) -> None:
    printed = reader.run(language, content)
    assert printed or ">" in content.rstrip().splitlines()[-1]


@pytest.mark.parametrize(
    "content", [content for _, language, content in BLOCKS if language == "toml"]
)
def test_a_preset_has_keys_that_there_are(content: str) -> None:
    tables = tomllib.loads(content)
    tables.pop("extends", None)
    Config(**tables)


def test_every_block_is_tried() -> None:
    languages = {language for _, language, _ in BLOCKS}
    assert languages <= {"", "console", "python", "toml"}, "a block of another kind is not tested"
    assert len(OTHERS) >= 15


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8")) <= 7000


PAGES_THAT_NAME_FILES = [*PAGES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES_THAT_NAME_FILES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = {link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if ":" not in link}
    paths = set(re.findall(r"`((?:tests|docs|benchmarks|examples|prefprop_cli)/[\w./-]+)`", text))
    missing = [link for link in links if not (page.parent / link).exists()]
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert not missing


def test_the_packages_of_the_architecture_are_those_there_are() -> None:
    """`make fix` writes them."""
    command = [sys.executable, str(ROOT / "scripts" / "architecture.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_functions_that_a_page_names_are_there() -> None:
    """`prefprop_cli.module.name` in any page can be imported."""
    pages = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "docs" / "how-to").glob("*"),
    ]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    names = set(re.findall(r"`(prefprop_cli(?:\.\w+)+)`", text))
    assert len(names) > 20
    assert [name for name in sorted(names) if pydoc.locate(name) is None] == []


def test_the_site_is_whole(tmp_path: Path) -> None:
    """Strict: a link to a page that is not there, or a name without docstring, is an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tutorial" / "index.html").exists()
