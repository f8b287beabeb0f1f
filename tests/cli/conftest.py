import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prefprop_cli.cli.app import main
from tests.helpers.two_runs import runs  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]

# Runs the program with a `presets` command of the test's own.
_STANDS_IN = """
import sys, types
from typer import Context
command = types.ModuleType("command")
command.Context = Context
exec(sys.stdin.read() if sys.argv[1] == "-" else sys.argv[1], vars(command))
sys.modules["prefprop_cli.cli.commands.presets"] = command
from prefprop_cli.cli.app import main
from tests.helpers.two_runs import runs  # noqa: F401 - a fixture
sys.exit(main(["presets", *sys.argv[2:]]))
"""

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Output = Callable[..., tuple[int, str, str]]


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a child process that finds the package from any folder."""
    dropped = ("FORCE_COLOR", "NO_COLOR", "PREFPROP_RUN", "PYTHONUNBUFFERED", "_PREFPROP_COMPLETE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


@pytest.fixture
def program() -> list[str]:
    return [sys.executable, "-m", "prefprop_cli"]


@pytest.fixture
def stand_in() -> Callable[..., list[str]]:
    """The program with a command that a test wrote: source of `command(context)`."""

    def arguments(source: str, *flags: str) -> list[str]:
        return [sys.executable, "-c", _STANDS_IN, source, *flags]

    return arguments


@pytest.fixture
def cli(program: list[str], environment: dict[str, str], tmp_path: Path) -> Cli:
    """Run `prefprop` in an empty folder."""

    def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*program, *arguments],
            env={**environment, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return run


@pytest.fixture
def output(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Output:
    """Run `prefprop` in this process and an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return run
