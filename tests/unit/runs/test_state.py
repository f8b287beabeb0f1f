"""What a command that needs a finished run says of one that is not."""

import os
from pathlib import Path

import pytest

from prefprop_cli.errors import UsageError
from prefprop_cli.runs import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder.create_at(tmp_path / "run")
    run.update_manifest(config_sha256="0", n_steps=30)
    for name in ("step-000002", "step-000010", ".old-step-000011-3", ".tmp-step-000012-3"):
        (run.checkpoints / name).mkdir(parents=True)
    return run


def said(run: RunFolder) -> str:
    with pytest.raises(UsageError) as caught:
        run.trained_adapter  # noqa: B018
    return str(caught.value).replace(str(run.path), "RUN")


def test_one_that_was_stopped_or_killed(run: RunFolder) -> None:
    for status in ("running", "interrupted"):
        run.update_manifest(status=status)
        assert said(run) == "RUN stopped at step 10 of 30; go on: prefprop train --resume RUN"


def test_one_that_failed_says_why(run: RunFolder) -> None:
    run.update_manifest(status="failed", exit_reason="NonFiniteError: the loss is nan")
    assert said(run).startswith("RUN failed at step 10 of 30 (NonFiniteError: the loss is nan); go")


def test_one_that_a_sweep_gave_up(run: RunFolder) -> None:
    run.update_manifest(status="interrupted", exit_reason="pruned")
    assert said(run).startswith("RUN was given up by its sweep at step 10 of 30; go on: prefprop")


def test_one_without_a_checkpoint_and_without_its_length(run: RunFolder) -> None:
    run.update_manifest(n_steps=None)
    assert "stopped at step 10; go on" in said(run)
    for checkpoint in run.checkpoints.iterdir():
        checkpoint.rmdir()
    assert "stopped before its first checkpoint; go on" in said(run)


def test_one_that_is_being_trained(run: RunFolder) -> None:
    with run.lock():
        message = said(run)
    assert f"RUN is being trained by process {os.getpid()} on " in message
    assert message.endswith(", at step 10 of 30; wait for its end")
    assert "stopped" in said(run)


def test_one_that_was_never_begun(tmp_path: Path) -> None:
    message = said(RunFolder.create_at(tmp_path / "run"))
    assert message.endswith("Start it again with its configuration: prefprop train ... --out RUN")


def test_one_that_is_finished_or_has_an_adapter_already(run: RunFolder) -> None:
    run.adapter.mkdir()
    assert run.trained_adapter == run.adapter
    run.adapter.rmdir()
    run.update_manifest(status="finished")  # whoever reads it finds that it is damaged
    assert run.trained_adapter == run.adapter
