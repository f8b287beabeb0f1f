import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.errors import Interrupted

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_first_signal_sets_a_flag(number: signal.Signals) -> None:
    with StopRequest() as stop:
        stop.raise_if_requested()
        assert not stop.requested
        os.kill(os.getpid(), number)
        assert stop.requested
        assert stop.signal_number == number
        with pytest.raises(Interrupted, match="saved") as interrupted:
            stop.raise_if_requested("saved")
    assert interrupted.value.exit_code == 128 + number


def test_message_by_default_names_the_signal() -> None:
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted, match="stopped by SIGTERM"):
            stop.raise_if_requested()


def test_second_signal_stops_at_once() -> None:
    clock, stopped = Clock(), list[int]()
    with StopRequest(clock=clock, stop_now=stopped.append):
        os.kill(os.getpid(), signal.SIGTERM)
        clock.now_s = 0.6
        os.kill(os.getpid(), signal.SIGINT)
    assert stopped == [130]


def test_one_request_that_arrives_twice_is_one() -> None:
    clock, stopped = Clock(), list[int]()
    with StopRequest(clock=clock, stop_now=stopped.append) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        clock.now_s = 0.01
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested
    assert stopped == []


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_what_the_parent_ignores_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.requested
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


WORKS = """
import time
from prefprop_cli.cli.signals import StopRequest
def command(context: Context):
    try:
        print("working", flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)
"""

SAVES = """
import time
from prefprop_cli.cli.signals import StopRequest
def command(context: Context):
    with StopRequest() as stop:
        print("working", flush=True)
        while not stop.requested:
            time.sleep(0.01)
        print("saved", flush=True)
        stop.raise_if_requested("Go on with: prefprop train --resume runs/a")
"""

STUBBORN = """
import time
from prefprop_cli.cli.signals import StopRequest
def command(context: Context):
    with StopRequest() as stop:
        print("working", flush=True)
        while True:
            time.sleep(0.01)
"""

Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(
    stand_in: Callable[..., list[str]], environment: dict[str, str]
) -> Iterator[Callable[[str], "subprocess.Popen[str]"]]:
    with ExitStack() as processes:

        def begin(source: str) -> "subprocess.Popen[str]":
            pipe = subprocess.PIPE
            process = processes.enter_context(
                subprocess.Popen(
                    stand_in(source), env=environment, stdout=pipe, stderr=pipe, text=True
                )
            )
            processes.callback(process.kill)
            assert process.stdout
            assert process.stdout.readline() == "working\n"
            return process

        yield begin


@pytest.mark.parametrize("number", SIGNALS)
def test_command_leaves_with_the_code_of_the_signal(number: signal.Signals, start: Start) -> None:
    process = start(WORKS)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert stdout == "cleaned up\n"
    assert stderr == ("interrupted\n" if number == signal.SIGINT else "")


@pytest.mark.parametrize("number", SIGNALS)
def test_command_that_saves_tells_how_to_go_on(number: signal.Signals, start: Start) -> None:
    process = start(SAVES)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert stdout == "saved\n"
    assert stderr == "Go on with: prefprop train --resume runs/a\n"


def test_second_signal_ends_a_loop_that_does_not_look(start: Start) -> None:
    process = start(STUBBORN)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.7)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 143
