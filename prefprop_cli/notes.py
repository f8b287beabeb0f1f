"""What data, results and work that takes long have to say: to whoever reads or listens.

Those who do the work do not talk to people; `cli` listens, and a Python caller who does not hears
nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol

Severity = Literal["info", "warning"]


class Note(str):
    """A sentence about data or results. A string, so that JSON and messages take it as it is."""

    severity: Severity
    """`warning`: something may be wrong, and `--quiet` does not hide it."""

    def __new__(cls, text: str, severity: Severity = "info") -> "Note":
        note = super().__new__(cls, text)
        note.severity = severity
        return note


def warnings(texts: Iterable[str]) -> tuple[Note, ...]:
    """Return sentences on what may be wrong as notes."""
    return tuple(Note(text, "warning") for text in texts)


def having(severity: Severity, notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the notes of one severity."""
    return tuple(note for note in notes if note.severity == severity)


class Counter(Protocol):
    """Counts a loop."""

    def update(self, done: int, /) -> None:
        """Say how far it is."""


class Listener(Protocol):
    """Who hears the notes."""

    def info(self, text: str) -> None:
        """Hear one."""

    def warn(self, text: str) -> None:
        """Hear one that is a warning."""

    def progress(self, *, total: int | None, label: str) -> AbstractContextManager[Counter]:
        """Hear how far something is."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_told: ContextVar[set[str] | None] = ContextVar("told", default=None)


@contextmanager
def heard_by(listener: Listener | None) -> Iterator[None]:
    """Let somebody hear the notes of the work inside, or nobody."""
    tokens = _listener.set(listener), _told.set(set())
    try:
        yield
    finally:
        _listener.reset(tokens[0])
        _told.reset(tokens[1])


def note(text: str) -> None:
    """Say something in one line, once however often the work that says it is done.

    A `Note` that is a warning is heard as one.
    """
    listener, told = _listener.get(), _told.get()
    if listener is not None and told is not None and text not in told:
        told.add(text)
        is_warning = isinstance(text, Note) and text.severity == "warning"
        (listener.warn if is_warning else listener.info)(text)


@contextmanager
def progress(*, total: int | None, label: str) -> Iterator[Callable[[int], None]]:
    """Let somebody hear how far a loop is: yield a function that takes how many are done.

    The label is what is counted, and the total None if nobody knows it.
    """
    listener = _listener.get()
    if listener is None:
        yield lambda done: None
        return
    with listener.progress(total=total, label=label) as counter:
        yield counter.update
