import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli

from prefprop_cli.config.load import load_config
from prefprop_cli.config.sweep import with_values
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import NonFiniteError, UsageError
from prefprop_cli.experiment.launch import create_run, describe_run, train_run
from prefprop_cli.experiment.plan import Plan, make_plan, prepare_data
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.metrics import seal_of
from prefprop_cli.training.events import Event, Hooks, Started
from tests.helpers import project

ARGV = ("prefprop", "train")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Prepared]:
    folder = tmp_path_factory.mktemp("launch")
    config = project.write(folder, epochs=1)
    plan = make_plan(with_values(load_config(preset=str(config)).config, {"train.seed": 3}))
    return plan, prepare_data(plan, cache=folder / "cache")


def manifest(folder: RunFolder) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder.path / "manifest.json").read_text())
    return found


def go(
    planned: tuple[Plan, Prepared],
    folder: RunFolder,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
    resume: bool = False,
) -> str:
    with folder.lock():
        result = train_run(
            *planned,
            folder,
            device="cpu",
            hooks=Hooks(on_event, should_stop=should_stop),
            resume=resume,
        )
    return result.status


def test_a_new_run_says_what_it_is(planned: tuple[Plan, Prepared], tmp_path: Path) -> None:
    folder = create_run(*planned, out=tmp_path / "run", sources=["a.toml"], argv=ARGV)
    found = manifest(folder)
    assert (found["argv"], found["sources"], found["seed"]) == (list(ARGV), ["a.toml"], 3)
    assert found["data_warnings"] == planned[1].warnings != []
    assert tomli.loads(folder.config.read_text())["train"]["seed"] == 3
    with pytest.raises(UsageError, match="there already"):
        create_run(*planned, out=folder.path, sources=[], argv=ARGV)


def test_a_folder_is_described_once(planned: tuple[Plan, Prepared], tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)  # as a process leaves it that dies before the manifest
    describe_run(folder, *planned, sources=["first"], argv=ARGV)
    before = manifest(folder)
    describe_run(folder, *planned, sources=["second"], argv=ARGV)
    assert manifest(folder) == before
    assert before["sources"] == ["first"]


def test_a_half_described_folder_is_described(
    planned: tuple[Plan, Prepared], tmp_path: Path
) -> None:
    folder = RunFolder.create_at(tmp_path / "run")
    describe_run(folder, *planned, sources=["a"], argv=ARGV)
    assert manifest(folder)["sources"] == ["a"]
    assert folder.config.is_file()


def test_a_run_is_not_begun_where_another_process_began_one_meanwhile(
    planned: tuple[Plan, Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_at = RunFolder.create_at

    def overtaken(path: Path) -> RunFolder:
        folder = create_at(path)
        describe_run(folder, *planned, sources=["faster"], argv=ARGV)
        return folder

    monkeypatch.setattr(RunFolder, "create_at", overtaken)
    with pytest.raises(UsageError, match="is a run by now; name a new folder"):
        create_run(*planned, out=tmp_path / "run", sources=["slower"], argv=ARGV)
    assert manifest(RunFolder(tmp_path / "run"))["sources"] == ["faster"]


def test_the_manifest_follows_the_run(planned: tuple[Plan, Prepared], tmp_path: Path) -> None:
    folder = create_run(*planned, out=tmp_path / "run", sources=[], argv=ARGV)
    assert go(planned, folder, should_stop=lambda: True) == "interrupted"
    assert manifest(folder)["status"] == "interrupted"
    while_running: list[object] = []

    def look(event: Event) -> None:
        if isinstance(event, Started):
            while_running.append(manifest(folder)["status"])

    assert go(planned, folder, on_event=look, resume=True) == "finished"
    assert while_running == ["running"]
    found = manifest(folder)
    assert (found["status"], found["exit_reason"], found["device"]) == (
        "finished", "finished", "cpu",
    )  # fmt: skip
    assert (found["best_step"], found["n_steps"]) == (3, 3)
    assert found["metrics"] == seal_of(folder.metrics_file.read_bytes())
    assert found["validation"].keys() >= {"nll", "accuracy"}


def test_the_manifest_says_how_a_run_failed(planned: tuple[Plan, Prepared], tmp_path: Path) -> None:
    def fail(event: Event) -> None:
        raise NonFiniteError("the loss is nan")

    folder = create_run(*planned, out=tmp_path / "run", sources=[], argv=ARGV)
    with pytest.raises(NonFiniteError):
        go(planned, folder, on_event=fail)
    found = manifest(folder)
    assert found["status"] == "failed"
    assert found["exit_reason"] == "NonFiniteError: the loss is nan"
