import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from prefprop_cli.cli import completion

ROOT = Path(__file__).parents[2]

Installed = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the built wheel; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    home = folder / "venv"
    venv.create(home)
    python = home / "bin" / "python"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    [wheel] = folder.glob("prefprop_cli-*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--quiet", str(wheel)], check=True)
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    )
    # A line in a .pth file adds the folder, but not what its own .pth files name: not this tree.
    borrowed = sysconfig.get_path("purelib")
    (Path(site.stdout.strip()) / "borrowed.pth").write_text(f"{borrowed}\n")
    return home


@pytest.fixture
def installed(wheel_home: Path, tmp_path: Path) -> Installed:
    """Run the installed program in an empty folder."""

    def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        program = str(wheel_home / "bin" / "prefprop")
        plain = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "FORCE_COLOR")}
        return subprocess.run(
            [program, *arguments],
            cwd=tmp_path,
            env={**plain, **settings},
            capture_output=True,
            text=True,
            check=True,
        )

    return run


def test_presets_are_in_the_wheel(installed: Installed, wheel_home: Path) -> None:
    listed = [line.split("\t") for line in installed("presets", "-v").stdout.splitlines()]
    assert {path.stem for path in (ROOT / "presets").glob("*.toml")} == {row[0] for row in listed}
    assert all(row[2].startswith(f"built-in: {wheel_home}") for row in listed)
    assert installed("presets", "demo").stdout == (ROOT / "presets" / "demo.toml").read_text()


def test_completions_are_where_the_shells_look(installed: Installed, wheel_home: Path) -> None:
    places = {
        "bash": "share/bash-completion/completions/prefprop",
        "zsh": "share/zsh/site-functions/_prefprop",
        "fish": "share/fish/vendor_completions.d/prefprop.fish",
    }
    for shell, place in places.items():
        assert (wheel_home / place).read_text() == completion.script(shell)


def test_schema_reads_the_source_it_was_installed_with(installed: Installed) -> None:
    assert "\tPeak learning rate of AdamW.\n" in installed("presets", "--schema").stdout


def test_licence_and_types_are_in_the_wheel(wheel_home: Path) -> None:
    [licence] = wheel_home.glob("lib/python*/site-packages/prefprop_cli-*/licenses/LICENSE")
    assert "Apache License" in licence.read_text()
    assert (
        len(list(wheel_home.glob("lib/python*/site-packages/prefprop_cli/core/native/*.[ch]"))) == 3
    )
    assert len(list(wheel_home.glob("lib/python*/site-packages/prefprop_cli/py.typed"))) == 1


def test_package_runs_as_a_module(wheel_home: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(wheel_home / "bin" / "python"), "-m", "prefprop_cli", "--version"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("prefprop ")
