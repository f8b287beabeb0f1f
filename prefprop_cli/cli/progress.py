"""Progress of a loop: a bar that moves on a terminal, a plain line every 30 s in a log."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Self

from prefprop_cli.cli.text import duration, quantity
from prefprop_cli.words import escape

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

Field = float | str
Clock = Callable[[], float]

INTERVAL_S = 30.0
_PATIENCE_S = 1.0
_FRAME_S = 0.1
_ROOMY = 60
"""Columns of a screen that has room for more than the line and a piece of the bar."""


@dataclass(frozen=True)
class Part:
    """What a step of the loop is made of, where one step takes long: the bar is of its parts."""

    caption: str
    """What they belong to: `epoch 1/10`."""
    label: str
    """What is counted, in the singular."""
    done: int
    total: int


class LoopProgress:
    """Counts a loop; a context manager.

    The label is what is counted, in the singular: `step`, `document`; the total None if nobody
    knows it. What a run that is resumed has done before is left out of the rate.
    """

    def __init__(
        self,
        label: str,
        *,
        total: int | None,
        display: "Log | Bar | None",
        done: int = 0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.label, self.total, self.done = label, total, done
        self.part: Part | None = None
        self._is_between = False
        self._display, self._clock = display, clock
        self._first, self._started_s = done, clock()
        self._fields: dict[str, Field | None] = {}
        self._ends_s: float | None = None

    def update(
        self,
        done: int,
        fields: Mapping[str, Field | None] | None = None,
        *,
        total: int | None = None,
        part: Part | None = None,
        left_s: float | None = None,
    ) -> None:
        """Say how far it is.

        Args:
            done: with those before this process.
            fields: figures to show, e.g. `{"loss": 0.51, "lr": 2e-5, "tok/s": 12300}`; each
                stays until it is given again, None takes it away.
            total: if it is known only now.
            part: how far the next one is.
            left_s: if the caller knows better than by the mean; counted down until given again.
        """
        self._is_between = part is not None and done == self.done
        self.done, self.part = done, part
        self.total = total or self.total
        self._fields.update(fields or {})
        if left_s is not None:
            self._ends_s = self._clock() + left_s
        if self._display:
            self._display.show(self)

    def line(self) -> str:
        """Return the state in words: `step 400/2000 20% loss 0.512 12.3k tok/s eta 14:02`.

        Between two steps with the part that is done: `step 0/60 0% document 3/158 loss 0.7`.
        """
        words = [self.label, f"{self.done}/{self.total}" if self.total else str(self.done)]
        if self.total:
            words.append(f"{100 * self.done // self.total}%")
        part = self._part() if self._is_between else []
        return " ".join([*words, *part, *self._figures(*self._fields), *self._eta()])

    def short_line(self) -> str:
        """Return what stands behind a bar, which tells the rest: of a part, only the loss."""
        if self.part is None:
            return self.line()
        return " ".join([*self._part(), *self._figures("loss"), *self._eta()])

    def _part(self) -> list[str]:
        return [f"{self.part.label} {self.part.done}/{self.part.total}"] if self.part else []

    def _figures(self, *names: str) -> Iterator[str]:
        for name in names:
            match self._fields.get(name):
                case str(text):
                    yield f"{name} {escape(text)}"
                case float() | int() as value:
                    rate = name.endswith("/s")
                    yield f"{quantity(value)} {name}" if rate else f"{name} {value:.3g}"

    def _eta(self) -> list[str]:
        done_here = self.done - self._first
        if self._ends_s is not None:
            left_s = self._ends_s - self._clock()
            return [f"eta {duration(left_s)}"] if self.done != self.total else []
        if self.total is None or not 0 < done_here < self.total - self._first:
            return []
        passed_s = self._clock() - self._started_s
        return [f"eta {duration(passed_s / done_here * (self.total - self.done))}"]

    def __enter__(self) -> Self:
        if self._display:
            self._display.open(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._display:
            self._display.close(self)


class Log:
    """A line every 30 seconds, also while nothing is heard of the loop, and one at the end.

    What it says may come from a thread of its own.
    """

    def __init__(self, say: Callable[[str], None], *, clock: Clock = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._said_s, self._said, self._place = clock(), 0, ""
        self._lock = Lock()
        self._closed = Event()

    def open(self, progress: LoopProgress) -> None:
        self._said_s, self._said = self._clock(), progress.done
        self._place = f"{progress.done} {progress.part}"
        Thread(target=self._watch, args=(progress,), daemon=True).start()

    def show(self, progress: LoopProgress) -> None:
        """Write a line if it is time for one."""
        with self._lock:
            if not self._closed.is_set() and self._silent_s() <= 0:
                self._say_line(progress)

    def close(self, progress: LoopProgress) -> None:
        """Write a last line if there is something new to say, and it was known how much to do."""
        with self._lock:
            self._closed.set()
            if progress.total and progress.done != self._said:
                self._say_line(progress)

    def _watch(self, progress: LoopProgress) -> None:
        """Show the loop when it does not do so itself: a single step may take minutes."""
        while not self._closed.wait(max(_PATIENCE_S, self._silent_s())):
            self.show(progress)

    def _silent_s(self) -> float:
        """Seconds of silence that are left."""
        return self._said_s + INTERVAL_S - self._clock()

    def _say_line(self, progress: LoopProgress) -> None:
        place = f"{progress.done} {progress.part}"
        still = "still working: " if place == self._place else ""
        self._said_s, self._said, self._place = self._clock(), progress.done, place
        self._say(still + progress.line())


class Bar:
    """A bar that moves, and a plain line that stays in its place at the end."""

    def __init__(
        self, say: Callable[[str], None], *, rich: "RichConsole", clock: Clock = time.monotonic
    ) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        whole, cut = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis")
        self._columns = (
            TextColumn("{task.fields[caption]}", markup=False, table_column=whole),
            # Where it is narrow the bar gives up its place first, then the line its end.
            BarColumn(bar_width=None, table_column=Column(min_width=4, max_width=20)),
            TextColumn("{task.description}", markup=False, table_column=cut),
        )
        self._say, self._clock, self._rich = say, clock, rich
        self._rich_bar = RichProgress(
            *self._columns[1:],
            console=rich,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
        )
        self._task = self._rich_bar.add_task("", total=None, caption="")
        self._progress: LoopProgress | None = None  # while the bar is on the screen
        self._first, self._shown_s = 0, -inf
        self._log: Log | None = None

    def open(self, progress: LoopProgress) -> None:
        self._progress, self._first = progress, progress.done
        self._rich_bar.start()

    def show(self, progress: LoopProgress) -> None:
        """Move the bar, if it has been long enough in its place for anybody to see it."""
        if self._log:
            self._log.show(progress)
        elif self._clock() - self._shown_s >= _FRAME_S:
            self._shown_s = self._clock()
            part = progress.part
            has_caption = part and self._rich.width >= _ROOMY
            self._rich_bar.columns = self._columns if has_caption else self._columns[1:]
            self._rich_bar.update(
                self._task,
                completed=(part or progress).done,
                total=(part or progress).total,
                description=progress.short_line(),
                caption=part.caption if part else "",
            )

    def close(self, progress: LoopProgress) -> None:
        """Take the bar away and leave its last state."""
        if self._log:
            self._log.close(progress)
            return
        self._progress = None
        self._rich_bar.stop()
        if progress.total and progress.done != self._first:
            self._say(progress.line())

    def give_way(self) -> None:
        """Go on with plain lines: others write to this screen, and nobody knows when.

        So do the readers of a pipe that results are streamed into.
        """
        if self._progress:
            self._rich_bar.stop()
            self._log = Log(self._say, clock=self._clock)
            self._log.open(self._progress)
            self._progress = None

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the bar off the screen while somebody else writes to it."""
        is_shown = self._progress is not None
        if is_shown:
            self._rich_bar.stop()
        try:
            yield
        finally:
            if is_shown:
                self._rich_bar.start()
