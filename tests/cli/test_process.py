"""Settings of the process before torch is imported."""

import os

import pytest

from prefprop_cli.cli import process


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    monkeypatch.setattr(process, "keep_freed_memory", lambda: made.append("kept"))
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    return made


def test_threads_sleep_and_freed_memory_is_kept(calls: list[str]):
    process.set_up()
    assert calls == ["kept"]
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_what_the_user_set_stays(calls: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    process.set_up()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
