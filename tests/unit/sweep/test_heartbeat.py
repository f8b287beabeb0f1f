import threading

import pytest
from optuna.exceptions import StorageInternalError
from prefprop_cli.sweep.heartbeat import STALE_S, Heartbeat, Observer

from prefprop_cli.sweep import heartbeat


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_signs_that_do_not_change_for_long_are_stale():
    clock = Clock()
    others = Observer(clock)
    assert not others.is_stale("a", 1)
    clock.now_s += STALE_S
    assert not others.is_stale("a", 1)
    clock.now_s += 1
    assert others.is_stale("a", 1)
    assert not others.is_stale("b", 1)
    assert not others.is_stale("a", 2)
    clock.now_s += STALE_S + 1
    assert others.is_stale("a", 2)


def test_signs_that_were_never_given_get_stale_too():
    clock = Clock()
    others = Observer(clock)
    assert not others.is_stale("a", (None, None))
    clock.now_s += STALE_S + 1
    assert others.is_stale("a", (None, None))


def test_it_beats_until_the_end_and_over_failures(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.001)
    beats, enough, n_threads = list[int](), threading.Event(), threading.active_count()

    def beat(count: int) -> None:
        beats.append(count)
        if len(beats) == 2:
            raise StorageInternalError
        if len(beats) == 4:
            enough.set()

    with Heartbeat(beat):
        assert enough.wait(5)
    n_beats = len(beats)
    assert beats[:4] == [0, 1, 1, 2]
    enough.wait(0.02)
    assert len(beats) == n_beats
    assert threading.active_count() == n_threads
