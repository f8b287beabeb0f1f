"""Signals: a request to stop that a loop looks at, and a quiet end for everything else."""

import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

from prefprop_cli.errors import Interrupted

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Who signals a process and then its group makes one request, seen twice.
SAME_REQUEST_S = 0.5

_SHOW_CURSOR = b"\x1b[?25h"


class StopRequest:
    """Turns the first SIGINT, SIGTERM or SIGHUP into a flag; a second one stops at once.

    A context manager. The loop asks `requested` where it can stop, saves its state and leaves
    by `raise_if_requested`. A signal that the parent has ignored (`nohup`, `cmd &` in a
    script) stays ignored.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        stop_now: Callable[[int], None] | None = None,
    ) -> None:
        self.signal_number: int | None = None
        self._clock, self._stop_now = clock, stop_now or _stop_now
        self._requested_s = 0.0
        self._before: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        return self.signal_number is not None

    def raise_if_requested(self, message: str = "") -> None:
        """Leave by Interrupted if a signal has come; the message says how to go on."""
        if self.signal_number is not None:
            name = signal.Signals(self.signal_number).name
            raise Interrupted(message or f"stopped by {name}", signal_number=self.signal_number)

    def __enter__(self) -> Self:
        for number in STOPPING:
            if signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.signal_number is None:
            self.signal_number, self._requested_s = number, self._clock()
        elif self._clock() - self._requested_s > SAME_REQUEST_S:
            self._stop_now(128 + number)


def leave_on_signals() -> None:
    """From here on SIGTERM and SIGHUP leave with 143 and 129, by way of every `finally`.

    Python does so for Ctrl-C by itself.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _stop_now(code: int) -> None:
    if sys.stderr.isatty():
        os.write(sys.stderr.fileno(), _SHOW_CURSOR)
    os._exit(code)
