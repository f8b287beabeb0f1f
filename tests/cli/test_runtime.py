"""Settings of the process before torch is imported."""

import ctypes
import os

import pytest

from prefprop_cli.cli import runtime


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the allocator was told."""
    settings: list[tuple[int, int]] = []

    class Library:
        @staticmethod
        def mallopt(name: int, value: int) -> int:
            settings.append((name, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda path: Library)
    monkeypatch.setattr(runtime.sys, "platform", "linux")
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    return settings


def test_freed_memory_is_kept(told: list[tuple[int, int]]):
    runtime.set_up()
    assert sorted(told) == [(-3, 1 << 30), (-2, 1 << 28), (-1, (1 << 31) - 1)]
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_what_the_user_set_stays(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    runtime.set_up()
    assert told == []
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_another_system_is_left_alone(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime.sys, "platform", "darwin")
    runtime.set_up()
    assert told == []


def test_a_libc_without_it(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: object())
    runtime.set_up()
