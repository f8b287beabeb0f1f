"""Windows has no `fcntl`: the program says so at once, a library import where it needs it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"

WITHOUT_FCNTL = "import sys; sys.modules['fcntl'] = None; "
ON_WINDOWS = WITHOUT_FCNTL + "sys.platform = 'win32'; "


def entry_point() -> str:
    """The Python that the installed `prefprop` runs."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["prefprop"].partition(":")
    return f"from {module} import {function}; sys.exit({function}())"


def python(source: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", source, "presets"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "start",
    [entry_point(), "import runpy; runpy.run_module('prefprop_cli', run_name='__main__')"],
    ids=["prefprop", "python -m prefprop_cli"],
)
def test_program_says_what_to_use_on_windows(start: str, environment: dict[str, str]) -> None:
    done = python(ON_WINDOWS + start, environment)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: prefprop runs on Linux and macOS, not on Windows")
    assert "`wsl --install`" in line


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_program_runs_elsewhere(platform: str, environment: dict[str, str]) -> None:
    # Python itself reads a file of the platform it was built for.
    pretend = f"import sys, sysconfig; sysconfig.get_config_vars(); sys.platform = '{platform}'; "
    done = python(pretend + entry_point(), environment)
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout.split()


def test_package_imports_on_windows(environment: dict[str, str]) -> None:
    done = python(ON_WINDOWS + "import prefprop_cli; print(prefprop_cli.__version__)", environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_library_says_what_to_use_without_fcntl(environment: dict[str, str]) -> None:
    source = "import prefprop_cli\ntry: prefprop_cli.load_run\nexcept ImportError as e: print(e)"
    done = python(WITHOUT_FCNTL + source, environment)
    assert done.returncode == 0, done.stderr
    assert "`wsl --install`" in done.stdout


def test_another_missing_module_is_named(environment: dict[str, str]) -> None:
    done = python(
        "import sys; sys.modules['safetensors'] = None; import prefprop_cli; prefprop_cli.load_run",
        environment,
    )
    assert "wsl" not in done.stderr
    last = done.stderr.rstrip().splitlines()[-1]
    assert last.startswith("ModuleNotFoundError: ")
    assert "safetensors" in last
