"""Progress of a loop: a bar that moves on a terminal, a plain line every 30 s in a log."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Protocol, Self

from prefprop_cli.cli.text import duration, escape, quantity

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress as RichProgress

Field = float | str
Clock = Callable[[], float]

INTERVAL_S = 30.0


class Display(Protocol):
    """Where progress is shown."""

    def open(self, progress: "Progress") -> None:
        """The loop begins."""

    def show(self, progress: "Progress") -> None:
        """The loop is a bit further."""

    def close(self, progress: "Progress") -> None:
        """The loop has ended, with or without an error."""


class Progress:
    """Counts a loop; a context manager.

    Args:
        label: what is counted, in the singular: `step`, `document`.
        total: how many there are; None if nobody knows.
        done: how many were done before, by a run that is resumed; left out of the rate.
        display: where it is shown.
        clock: seconds since any moment.
    """

    def __init__(
        self,
        label: str,
        *,
        total: int | None,
        display: Display,
        done: int = 0,
        clock: Clock = time.monotonic,
    ) -> None:
        self.label, self.total, self.done = label, total, done
        self._display, self._clock = display, clock
        self._first, self._started_s = done, clock()
        self._fields: dict[str, Field | None] = {}

    def update(
        self,
        done: int,
        fields: Mapping[str, Field | None] | None = None,
        *,
        total: int | None = None,
    ) -> None:
        """Say how far it is.

        Args:
            done: how many are done, those before this process included.
            fields: figures to show, e.g. `{"loss": 0.51, "lr": 2e-5, "tok/s": 12300}`; each
                stays until it is given again, None takes it away.
            total: how many there are, if it is known only now.
        """
        self.done = done
        self.total = total or self.total
        self._fields.update(fields or {})
        self._display.show(self)

    def ahead(self) -> Callable[[int], None]:
        """A function to be told how many are done from here on."""
        before = self.done
        return lambda done: self.update(before + done)

    def line(self) -> str:
        """The state in words: `step 400/2000 20% loss 0.512 lr 2.1e-05 12.3k tok/s eta 14:02`."""
        words = [self.label, f"{self.done}/{self.total}" if self.total else str(self.done)]
        if self.total:
            words.append(f"{100 * self.done // self.total}%")
        words += [_figure(name, v) for name, v in self._fields.items() if v is not None]
        if (left_s := self._left_s()) is not None:
            words.append(f"eta {duration(left_s)}")
        return " ".join(words)

    def _left_s(self) -> float | None:
        done_here = self.done - self._first
        if self.total is None or not 0 < done_here < self.total - self._first:
            return None
        return (self._clock() - self._started_s) / done_here * (self.total - self.done)

    def __enter__(self) -> Self:
        self._display.open(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._display.close(self)


class Nowhere:
    """Shows nothing."""

    def open(self, progress: Progress) -> None:
        """Do nothing."""

    def show(self, progress: Progress) -> None:
        """Do nothing."""

    def close(self, progress: Progress) -> None:
        """Do nothing."""


class Log:
    """A line every 30 seconds, and one at the end.

    Args:
        say: writes a line.
        clock: seconds since any moment.
    """

    def __init__(self, say: Callable[[str], None], *, clock: Clock = time.monotonic) -> None:
        self._say, self._clock = say, clock
        self._said_s, self._said = clock(), 0

    def open(self, progress: Progress) -> None:
        """Start the first 30 seconds."""
        self._said_s, self._said = self._clock(), progress.done

    def show(self, progress: Progress) -> None:
        """Write a line if it is time for one."""
        if self._clock() - self._said_s >= INTERVAL_S:
            self._say_line(progress)

    def close(self, progress: Progress) -> None:
        """Write a last line if there is something new to say, and it was known how much to do."""
        if progress.total and progress.done != self._said:
            self._say_line(progress)

    def _say_line(self, progress: Progress) -> None:
        self._said_s, self._said = self._clock(), progress.done
        self._say(progress.line())


class Bar:
    """A bar that moves, and a plain line that stays in its place at the end.

    Args:
        say: writes a line.
        rich: the terminal.
    """

    def __init__(self, say: Callable[[str], None], *, rich: "RichConsole") -> None:
        self._say = say
        self._hidden_until_s = 0.0
        self._rich_bar = _rich_bar(rich, is_shown=lambda: time.monotonic() >= self._hidden_until_s)
        self._task = self._rich_bar.add_task("", total=None)
        self._active = False
        self._first = 0

    def open(self, progress: Progress) -> None:
        """Put the bar on the screen."""
        self._active, self._first = True, progress.done
        self._rich_bar.start()

    def show(self, progress: Progress) -> None:
        """Move the bar."""
        self._rich_bar.update(
            self._task, completed=progress.done, total=progress.total, description=progress.line()
        )

    def close(self, progress: Progress) -> None:
        """Take the bar away and leave its last state."""
        self._active = False
        self._rich_bar.stop()
        # What a pipe still holds comes first.
        time.sleep(max(0.0, self._hidden_until_s - time.monotonic()))
        if progress.total and progress.done != self._first:
            self._say(progress.line())

    @contextmanager
    def hidden(self, *, after_s: float = 0.0) -> Iterator[None]:
        """Take the bar off the screen while somebody else writes to it.

        Args:
            after_s: how much longer; what goes through a pipe appears a moment later.
        """
        if not self._active:
            yield
            return
        is_shown = time.monotonic() >= self._hidden_until_s
        self._hidden_until_s = inf
        if is_shown:
            self._rich_bar.refresh()
        try:
            yield
        finally:
            self._hidden_until_s = time.monotonic() + after_s
            if not after_s:
                self._rich_bar.refresh()


def _figure(name: str, value: Field) -> str:
    if isinstance(value, str):
        return f"{name} {escape(value)}"
    return f"{quantity(value)} {name}" if name.endswith("/s") else f"{name} {value:.3g}"


def _rich_bar(rich: "RichConsole", *, is_shown: Callable[[], bool]) -> "RichProgress":
    from rich.console import RenderableType
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    class Hideable(RichProgress):
        def get_renderables(self) -> Iterable[RenderableType]:
            return super().get_renderables() if is_shown() else ()

    line = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    return Hideable(
        BarColumn(bar_width=20),
        line,
        console=rich,
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,
    )
