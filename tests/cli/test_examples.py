"""What stands in `examples/` runs as its README says."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from safetensors.numpy import load_file

from tests.helpers import project

EXAMPLES = Path(__file__).parents[2] / "examples"
Cli = Callable[..., CompletedProcess[str]]


@pytest.fixture
def trained(cli: Cli, tmp_path: Path, environment: dict[str, str]) -> Callable[..., Path]:
    """Train for a step, with a package of entry points beside the program."""

    def run(*settings: str) -> Path:
        project.write(tmp_path, max_steps=1)
        here = f"{environment['PYTHONPATH']}:{tmp_path / 'packages'}"
        done = cli("train", "-p", "tiny.toml", "-q", *settings, PYTHONPATH=here)
        assert done.returncode == 0, done.stderr
        return tmp_path / done.stdout.strip()

    return run


def test_a_method_of_ones_own(trained: Callable[..., Path], tmp_path: Path) -> None:
    """Installed as pip would: its file, and its entry points as metadata."""
    information = tmp_path / "packages" / "gated_propagation-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: gated\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[prefprop.methods]\ngated-propagation = gated_propagation:GatedPropagation\n"
    )
    method = EXAMPLES / "own_method" / "gated_propagation.py"
    shutil.copy(method, tmp_path / "packages")
    declared = (EXAMPLES / "own_method" / "pyproject.toml").read_text()
    assert 'gated-propagation = "gated_propagation:GatedPropagation"' in declared
    settings = ("-s", "method.name=gated-propagation", "-s", "method.extra.open=0.9")
    run = trained(*settings)
    tensors = load_file(run / "adapter" / "trained.safetensors")
    [gate] = [tensor for name, tensor in tensors.items() if name.endswith("gate")]
    assert gate.shape == (2,)
    assert abs(gate - 2.197).max() < 0.1  # logit(0.9), and one step


def test_own_data(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    labels = []
    for number in range(24):
        (tmp_path / "letters" / f"{number}.txt").write_text(project.text(number))
        labels.append(f"{number}\t{project.LABELS[number % 2]}\n")
    (tmp_path / "labels.tsv").write_text("".join(labels))
    script = [sys.executable, str(EXAMPLES / "own_data.py"), "letters", "labels.tsv", "letters.csv"]
    subprocess.run(script, cwd=tmp_path, check=True)
    done = cli("train", "letters.csv", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "letters.csv   text ← text   label ← label" in done.stderr
    assert "24 documents" in done.stderr


def test_a_run_in_a_notebook(trained: Callable[..., Path], environment: dict[str, str]) -> None:
    command = [sys.executable, str(EXAMPLES / "notebook.py"), str(trained())]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("prefix-propagation on ")
    assert lines[1] == "128 trainable parameters of prefix"
    assert len(lines) == 4
