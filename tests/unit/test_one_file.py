import platform
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def one_file() -> ModuleType:
    spec = spec_from_file_location("one_file", SCRIPTS / "one_file.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "torch/test/test_api",
        "torch/bin/protoc",
        "torch/include/ATen/ATen.h",
        "torch/lib/libjitbackend_test.so",
        "scipy/stats/tests/test_stats.py",
        "numpy/random/lib/libnpyrandom.a",
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/_s3fs.cpython-311-x86_64-linux-gnu.so",
    ],
)
def test_what_nobody_runs_is_dropped(name: str, one_file: ModuleType) -> None:
    assert one_file.is_dropped(name)


@pytest.mark.parametrize(
    "name",
    [
        "torch/bin/torch_shm_manager",
        "torch/lib/libtorch_cpu.so",
        "torch/testing/__init__.py",
        "prefprop_cli/core/native/band.c",
        "prefprop_cli/core/native/vectors.h",
        "jinja2/tests.py",
        "pyarrow/libarrow_python.so.2600",
        "torch-2.13.0.dist-info/licenses/third_party/json/test/LICENSE",
    ],
)
def test_what_the_program_needs_is_kept(name: str, one_file: ModuleType) -> None:
    assert not one_file.is_dropped(name)


def first_run(python: str, machine: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the head of the file, built for a Python and a machine."""
    built_for = f"PYTHON, PLATFORM = {python!r}, {machine!r}\n"
    source = built_for + (SCRIPTS / "first_run.py").read_text()
    command = [sys.executable, "-c", source]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=False)


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PLATFORM = f"{sys.platform}-{platform.machine()}"


@pytest.mark.parametrize(("python", "machine"), [("3.0", PLATFORM), (PYTHON, "plan9-vax")])
def test_another_python_or_machine_is_told_what_the_file_needs(python: str, machine: str) -> None:
    done = first_run(python, machine)
    assert done.returncode == 2
    assert f"this file runs with Python {python} on {machine}; found: Python" in done.stderr


def test_unpacking_is_announced() -> None:
    assert "unpacking into ~/.cache/pex, once" in first_run(PYTHON, PLATFORM).stderr
    assert "unpacking into /big, once" in first_run(PYTHON, PLATFORM, PEX_ROOT="/big").stderr
    # Such a file may be unpacked already.
    assert first_run(PYTHON, PLATFORM, PEX_PYTHON=sys.executable).stderr == ""
    assert first_run(PYTHON, PLATFORM, __PEX_UNVENDORED__="1").stderr == ""
