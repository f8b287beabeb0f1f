from contextlib import suppress

import pytest

from prefprop_cli.cli.progress import Log, Nowhere, Progress


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_line_of_the_contract(clock: Clock) -> None:
    progress = Progress("step", total=2000, display=Nowhere(), clock=clock)
    clock.now_s += 210.5
    progress.update(400, {"loss": 0.5123, "lr": 2.1e-5, "tok/s": 12345.0})
    assert progress.line() == "step 400/2000 20% loss 0.512 lr 2.1e-05 12.3k tok/s eta 14:02"


def test_rate_of_a_resumed_run_counts_its_own_steps_only(clock: Clock) -> None:
    progress = Progress("step", total=2000, done=1000, display=Nowhere(), clock=clock)
    assert progress.line() == "step 1000/2000 50%"
    clock.now_s += 10
    progress.update(1100)
    assert progress.line() == "step 1100/2000 55% eta 1:30"


def test_total_may_be_unknown_and_become_known(clock: Clock) -> None:
    progress = Progress("document", total=None, display=Nowhere(), clock=clock)
    clock.now_s += 1
    progress.update(3)
    assert progress.line() == "document 3"
    progress.update(5, total=10)
    assert progress.line() == "document 5/10 50% eta 0:01"


def test_nothing_to_do(clock: Clock) -> None:
    assert Progress("step", total=0, display=Nowhere(), clock=clock).line() == "step 0"


def test_figures_stay_until_they_change_or_go(clock: Clock) -> None:
    progress = Progress("step", total=None, display=Nowhere(), clock=clock)
    progress.update(1, {"loss": 0.5, "file": "a\x1b[2J"})
    progress.update(2, {"loss": 0.25})
    assert progress.line() == r"step 2 loss 0.25 file a\x1b[2J"
    progress.update(3, {"file": None})
    assert progress.line() == "step 3 loss 0.25"


def log(said: list[str], clock: Clock, *, total: int | None) -> Progress:
    return Progress("step", total=total, display=Log(said.append, clock=clock), clock=clock)


def test_log_has_a_line_every_30_seconds_and_one_at_the_end(clock: Clock) -> None:
    said: list[str] = []
    with log(said, clock, total=100) as progress:
        for step in range(1, 101):
            clock.now_s += 0.7
            progress.update(step)
    assert [line.split(" eta")[0] for line in said] == [
        "step 43/100 43%",
        "step 86/100 86%",
        "step 100/100 100%",
    ]


def test_log_does_not_say_a_line_twice(clock: Clock) -> None:
    said: list[str] = []
    with log(said, clock, total=2) as progress:
        clock.now_s += 31
        progress.update(2)
    assert said == ["step 2/2 100%"]


def test_log_of_a_loop_without_a_known_end_has_no_last_line(clock: Clock) -> None:
    said: list[str] = []
    with log(said, clock, total=None) as progress:
        progress.update(1)
        clock.now_s += 31
        progress.update(2)
        progress.update(3)
    assert said == ["step 2"]


def test_log_says_how_far_a_loop_came_that_failed(clock: Clock) -> None:
    said: list[str] = []
    with suppress(KeyError), log(said, clock, total=9) as progress:
        progress.update(4)
        raise KeyError
    assert said == ["step 4/9 44% eta 0:00"]


def test_log_of_a_loop_that_did_nothing_is_empty(clock: Clock) -> None:
    said: list[str] = []
    with Progress("step", total=9, done=4, display=Log(said.append, clock=clock), clock=clock):
        clock.now_s += 40
    assert said == []
