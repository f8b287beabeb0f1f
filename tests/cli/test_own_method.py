"""A method of another package, trained by its name."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.helpers import project

ROOT = Path(__file__).parents[2]
MODULE = """
import torch
from prefprop_cli.core.encoder.prefix import LayerPrefix, Prefix
from prefprop_cli.core.methods.base import Method

class Shift(Method):
    n_placeholders = 1

    def __init__(self, config, options):
        super().__init__()
        start = float(options.extra.get("start", 0))
        self.shift = torch.nn.Parameter(torch.full((config.hidden_size,), start))
        self.n_layers = config.n_layers

    def forward(self, n_rows):
        layer = LayerPrefix(added=self.shift.expand(n_rows, 1, -1))
        return Prefix((layer,) * self.n_layers, n_placeholders=1)
"""


@pytest.fixture
def packages(tmp_path: Path) -> str:
    """Where Python looks, with a package that adds `shift`."""
    information = tmp_path / "packages" / "shift-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: shift\nVersion: 1.0\n")
    entry = "[prefprop.methods]\nshift = shift:Shift\n"
    (information / "entry_points.txt").write_text(entry)
    (tmp_path / "packages" / "shift.py").write_text(MODULE)
    return f"{ROOT}:{tmp_path / 'packages'}"


def test_it_is_trained_by_its_name(
    cli: Callable[..., CompletedProcess[str]], packages: str, tmp_path: Path
) -> None:
    project.write(tmp_path, max_steps=1)
    settings = ("-s", "method.name=shift", "-s", "method.extra.start=1")
    done = cli("train", "-p", "tiny.toml", *settings, PYTHONPATH=packages)
    assert done.returncode == 0, done.stderr
    run = tmp_path / done.stdout.strip()
    assert json.loads((run / "manifest.json").read_text())["config"]["method"]["extra"] == {
        "start": 1
    }
    for command in (("eval",), ("report", "runs", "--table", "2"), ("show",)):
        found = cli(*command, PYTHONPATH=packages)
        assert found.returncode == 0, found.stderr
    assert "shift" in found.stdout
    without = cli("eval")
    assert without.returncode == 2, without.stderr
    assert 'the method "shift" is of a package that is not installed' in without.stderr


def test_without_the_package_there_is_no_such_method(
    cli: Callable[..., CompletedProcess[str]],
) -> None:
    done = cli("train", "-p", "demo", "-s", "method.name=shift", "--dry-run")
    assert done.returncode == 2
    assert "method.name: expected one of prefix-propagation, " in done.stderr


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("class Shift:\n    def __init__(self, config, options): pass", "a Shift, not a Method"),
        ("class Shift:\n    pass", "cannot be made: TypeError: Shift() takes no arguments"),
        ("raise RuntimeError('not today')", "cannot be loaded: not today"),
    ],
)
def test_a_method_that_cannot_be_made_is_named(
    cli: Callable[..., CompletedProcess[str]],
    packages: str,
    tmp_path: Path,
    module: str,
    message: str,
) -> None:
    (tmp_path / "packages" / "shift.py").write_text(module)
    project.write(tmp_path)
    done = cli("train", "-p", "tiny.toml", "-s", "method.name=shift", PYTHONPATH=packages)
    assert done.returncode == 2, done.stderr
    told = " ".join(done.stderr.split())
    assert message in told
    assert "shift: shift:Shift" in told


def test_a_name_that_is_taken_stands_in_nobodys_way(
    cli: Callable[..., CompletedProcess[str]], packages: str, tmp_path: Path
) -> None:
    entries = tmp_path / "packages" / "shift-1.0.dist-info" / "entry_points.txt"
    entries.write_text("[prefprop.methods]\nprefix-tuning = shift:Shift\n")
    assert cli("presets", PYTHONPATH=packages).returncode == 0
    line = {"_PREFPROP_COMPLETE": "complete_bash", "COMP_CWORD": "3"}
    line["COMP_WORDS"] = "prefprop train -s method.name="
    offered = cli(**line, PYTHONPATH=packages)
    assert "Traceback" not in offered.stderr
    assert "method.name=prefix-propagation" in offered.stdout
    project.write(tmp_path)
    named = ("train", "-p", "tiny.toml", "-s", "method.name=prefix-tuning")
    refused = cli(*named, PYTHONPATH=packages)
    assert refused.returncode == 2, refused.stderr
    assert "and that name is taken. Rename it there" in " ".join(refused.stderr.split())
