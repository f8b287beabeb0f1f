"""Runs of an earlier version: they load, say what they said, and go on.

`tests/fixtures/write_old_runs.py` wrote them, with that version.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from prefprop_cli.runs.atomic import seal

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "old_runs.tar.xz"
TEXTS = ("first.txt", "second.txt", "third.txt")

Output = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the two runs, as if they had been made in it."""
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    for file in folder.rglob("*"):
        if file.suffix in {".json", ".toml"}:
            file.write_text(file.read_text().replace("/PROJECT", str(folder)))
    for run in (folder / "finished", folder / "stopped"):
        _seal_again(run / "manifest.json")
    adapter = folder / "finished" / "adapter"
    listed = json.loads((adapter / "MANIFEST.json").read_text())
    data = (adapter / "adapter.json").read_bytes()
    entry = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    listed["files"]["adapter.json"] = entry
    (adapter / "MANIFEST.json").write_text(json.dumps(listed))
    _seal_again(adapter / "MANIFEST.json")
    return folder


def _seal_again(file: Path) -> None:
    record = json.loads(file.read_text())
    record.pop("seal")
    file.write_bytes(seal(record))


@pytest.fixture
def expected(project: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((project / "expected.json").read_text())
    return found


def test_an_adapter_predicts_what_it_predicted(
    project: Path, expected: dict[str, object], output: Output
) -> None:
    files = [project / name for name in TEXTS]
    code, out, err = output("predict", "--run", project / "finished", *files, "--json", "-q")
    assert (code, err) == (0, "")
    found, told = [json.loads(line) for line in out.splitlines()], expected["predict"]
    assert isinstance(told, list)
    assert len(found) == len(told) == len(TEXTS)
    for now, was in zip(found, told, strict=True):
        assert now["label"] == was["label"]
        assert now["probs"] == pytest.approx(was["probs"], abs=1e-6)


def test_a_run_is_evaluated_to_the_figures_it_had(
    project: Path, expected: dict[str, object], output: Output
) -> None:
    code, out, _ = output("eval", project / "finished", "--json", "-q")
    assert code == 0
    now, was = json.loads(out), expected["eval"]
    assert isinstance(was, dict)
    assert now["metrics"] == was["metrics"]


def test_a_stopped_run_ends_where_it_would_have_ended(
    project: Path, expected: dict[str, object], output: Output
) -> None:
    """The same as the earlier version made of it, and bit for bit as without the stop."""
    assert output("train", "--resume", project / "stopped", "-q")[0] == 0
    resumed = load_file(project / "stopped" / "adapter" / "trained.safetensors")
    told = expected["resumed"]
    assert isinstance(told, dict)
    assert sorted(resumed) == sorted(told)
    for name, tensor in resumed.items():
        np.testing.assert_allclose(tensor, np.array(told[name]), atol=1e-4, err_msg=name)
    again = ["train", "-p", project / "tiny.toml", "-s", "method.name='prefix-tuning'", "-q"]
    assert output(*again, "--out", project / "straight")[0] == 0
    whole = load_file(project / "straight" / "adapter" / "trained.safetensors")
    for name, tensor in resumed.items():
        np.testing.assert_array_equal(tensor, whole[name], err_msg=name)


@pytest.mark.parametrize("command", ["show", "calibrate", "report"])
def test_other_commands_take_it(project: Path, output: Output, command: str) -> None:
    code, _, err = output(command, project / "finished", "-q")
    assert (code, "Traceback" in err) == (0, False), err
