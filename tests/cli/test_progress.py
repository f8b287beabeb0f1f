import io
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from rich.console import Console

from prefprop_cli.cli.progress import Bar, Log, LoopProgress, Part


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_line_of_the_contract(clock: Clock) -> None:
    progress = LoopProgress("step", total=2000, display=None, clock=clock)
    clock.now_s += 210.5
    progress.update(400, {"loss": 0.5123, "lr": 2.1e-5, "tok/s": 12345.0})
    assert progress.line() == "step 400/2000 20% loss 0.512 lr 2.1e-05 12.3k tok/s eta 14:02"


def test_rate_of_a_resumed_run_counts_its_own_steps_only(clock: Clock) -> None:
    progress = LoopProgress("step", total=2000, done=1000, display=None, clock=clock)
    assert progress.line() == "step 1000/2000 50%"
    clock.now_s += 10
    progress.update(1100)
    assert progress.line() == "step 1100/2000 55% eta 1:30"


def test_total_may_be_unknown_and_become_known(clock: Clock) -> None:
    progress = LoopProgress("document", total=None, display=None, clock=clock)
    clock.now_s += 1
    progress.update(3)
    assert progress.line() == "document 3"
    progress.update(5, total=10)
    assert progress.line() == "document 5/10 50% eta 0:01"


def test_nothing_to_do(clock: Clock) -> None:
    assert LoopProgress("step", total=0, display=None, clock=clock).line() == "step 0"


def test_figures_stay_until_they_change_or_go(clock: Clock) -> None:
    progress = LoopProgress("step", total=None, display=None, clock=clock)
    progress.update(1, {"loss": 0.5, "file": "a\x1b[2J"})
    progress.update(2, {"loss": 0.25})
    assert progress.line() == r"step 2 loss 0.25 file a\x1b[2J"
    progress.update(3, {"file": None})
    assert progress.line() == "step 3 loss 0.25"


def log(said: list[str], clock: Clock, *, total: int | None) -> LoopProgress:
    return LoopProgress("step", total=total, display=Log(said.append, clock=clock), clock=clock)


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
    with LoopProgress("step", total=9, done=4, display=Log(said.append, clock=clock), clock=clock):
        clock.now_s += 40
    assert said == []


# A step of many documents


def between(clock: Clock, *, done: int = 14) -> Part:
    return Part("epoch 1/10", "document", done, 96)


def test_line_between_two_steps_tells_the_document(clock: Clock) -> None:
    progress = LoopProgress("step", total=30, display=None, clock=clock)
    progress.update(0, {"loss": 0.68}, part=between(clock), left_s=890)
    assert progress.line() == "step 0/30 0% document 14/96 loss 0.68 eta 14:50"
    progress.update(1, {"loss": 0.5, "lr": 0.01}, part=between(clock, done=32), left_s=880)
    assert progress.line() == "step 1/30 3% loss 0.5 lr 0.01 eta 14:40"


def test_line_behind_a_bar_is_of_the_part(clock: Clock) -> None:
    progress = LoopProgress("step", total=30, display=None, clock=clock)
    progress.update(1, {"loss": 0.68, "lr": 0.01}, part=between(clock), left_s=890)
    assert progress.short_line() == "document 14/96 loss 0.68 eta 14:50"
    progress.update(2, {"loss": 0.7})
    assert progress.short_line() == progress.line() == "step 2/30 6% loss 0.7 lr 0.01 eta 14:50"


def test_time_left_that_was_told_is_counted_down(clock: Clock) -> None:
    progress = LoopProgress("step", total=30, display=None, clock=clock)
    progress.update(0, part=between(clock), left_s=100)
    clock.now_s += 40
    assert progress.line().endswith("eta 1:00")
    progress.update(30)
    assert "eta" not in progress.line()


def until(condition: Callable[[], bool]) -> bool:
    ends_at = time.monotonic() + 20
    while not condition() and time.monotonic() < ends_at:
        time.sleep(0.01)
    return condition()


def test_log_speaks_while_a_single_pass_takes_longer_than_30_seconds(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefprop_cli.cli.progress._PATIENCE_S", 0.01)
    monkeypatch.setattr("prefprop_cli.cli.progress.INTERVAL_S", 0.5)
    said: list[str] = []
    with log(said, clock, total=20) as progress:
        progress.update(0, part=between(clock, done=3))
        for n_lines in (1, 2):
            clock.now_s += 0.6
            assert until(lambda n=n_lines: len(said) == n)
        time.sleep(0.05)
        assert said == ["step 0/20 0% document 3/96", "still working: step 0/20 0% document 3/96"]
    clock.now_s += 60
    time.sleep(0.6)
    assert len(said) == 2, "a loop that is over must be silent"


def test_log_of_a_loop_that_never_moved_says_that_it_works(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefprop_cli.cli.progress._PATIENCE_S", 0.01)
    monkeypatch.setattr("prefprop_cli.cli.progress.INTERVAL_S", 0.5)
    said: list[str] = []
    with log(said, clock, total=20):
        clock.now_s += 0.6
        assert until(lambda: said == ["still working: step 0/20 0%"])


# The bar


def screen(width: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, legacy_windows=False)


def bar(rich: Console, said: list[str], clock: Clock) -> LoopProgress:
    return LoopProgress(
        "step", total=30, display=Bar(said.append, rich=rich, clock=clock), clock=clock
    )


@pytest.mark.parametrize(("width", "caption"), [(80, True), (60, True), (40, False)])
def test_bar_fits_the_screen(width: int, caption: bool, clock: Clock) -> None:
    rich = screen(width)
    with bar(rich, [], clock) as progress:
        progress.update(0, {"loss": 0.68}, part=between(clock), left_s=890)
        drawn = [segment.text for segment in rich.render(progress._display._rich_bar)]
    line = "".join(drawn).rstrip("\n")
    assert "\n" not in line
    assert len(line) <= width
    assert line.startswith("epoch 1/10 ") == caption
    assert "━━" in line
    assert "document 14/96 loss 0.68 eta 1" in line


def test_bar_that_gives_way_goes_on_in_lines(clock: Clock) -> None:
    said: list[str] = []
    rich = screen(80)
    with bar(rich, said, clock) as progress:
        progress.update(1)
        progress._display.give_way()
        before = rich.file.getvalue()
        clock.now_s += 31
        progress.update(2)
        assert rich.file.getvalue() == before
    assert [line.split(" eta")[0] for line in said] == ["step 2/30 6%"]


def test_bar_is_not_drawn_more_often_than_anybody_can_see(clock: Clock) -> None:
    display = Bar(lambda line: None, rich=screen(80), clock=clock)
    with LoopProgress("step", total=30, display=display, clock=clock) as progress:
        drawn = []
        for step in range(1, 7):
            clock.now_s += 0.04
            progress.update(step)
            drawn.append(display._rich_bar.tasks[0].completed)
    assert drawn == [1, 1, 1, 4, 4, 4]
