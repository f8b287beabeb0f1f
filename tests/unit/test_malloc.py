"""What the allocator is told."""

import ctypes
import os

import pytest

from prefprop_cli import malloc


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    settings: list[tuple[int, int]] = []

    class Library:
        @staticmethod
        def mallopt(name: int, value: int) -> int:
            settings.append((name, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda path: Library)
    monkeypatch.setattr(malloc.sys, "platform", "linux")
    for name in [name for name in os.environ if name.startswith("MALLOC_")]:
        monkeypatch.delenv(name)
    return settings


def test_freed_memory_is_kept(told: list[tuple[int, int]]):
    malloc.keep_freed_memory()
    assert sorted(told) == [(-3, 1 << 30), (-2, 1 << 28), (-1, (1 << 31) - 1)]


def test_freed_memory_is_returned(told: list[tuple[int, int]]):
    malloc.return_freed_memory()
    assert told == [(-3, 1 << 20)]


def test_what_the_user_set_stays(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    malloc.keep_freed_memory()
    assert told == []


def test_another_system_is_left_alone(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(malloc.sys, "platform", "darwin")
    malloc.keep_freed_memory()
    assert told == []


def test_a_libc_without_it(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: object())
    malloc.keep_freed_memory()
    assert told == []
