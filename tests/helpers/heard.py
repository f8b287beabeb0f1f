"""A listener that keeps what it hears."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefprop_cli.notes import heard_by


class Heard:
    """Notes, and what was said of progress."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.loops: list[tuple[str, int | None]] = []
        self.done: list[int] = []

    def info(self, text: str) -> None:
        self.notes.append(text)

    warn = info

    @contextmanager
    def progress(self, *, total: int | None, label: str) -> Iterator["Heard"]:
        self.loops.append((label, total))
        yield self

    def update(self, done: int) -> None:
        self.done.append(done)


@contextmanager
def hearing() -> Iterator[Heard]:
    heard = Heard()
    with heard_by(heard):
        yield heard
