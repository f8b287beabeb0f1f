"""Warnings and notes that come again and again: the first of a kind, then how many there were."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Self

from prefprop_cli.notes import Counter as NotedCounter
from prefprop_cli.notes import Listener, heard_by
from prefprop_cli.words import shortened

SHOWN = 5
"""Warnings of a kind that are told."""
KINDS = 20
"""Kinds that are told apart; what comes behind them is one kind."""
LOOKED_AT = 500
"""Characters of a warning that tell its kind."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_PLACE = re.compile(r"^(:\d+)*:\s*")
_OTHERS = "others"


class Repeated:
    """A context manager: tells five warnings of a kind, and at its end how many more there were."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def __call__(self, text: str, *, where: str = "") -> None:
        """Tell a warning, unless there were enough of its kind.

        Two that differ in numbers, in what stands in quotes, or in the place that they begin with,
        `where`, are of one kind.
        """
        said = text.removeprefix(where)
        words = _QUOTED.sub("", said[:LOOKED_AT]).split()
        kind = " ".join(word for word in words if not re.search(r"\d", word))
        if kind not in self._counts and len(self._counts) >= KINDS:
            kind = _OTHERS
        self._counts[kind] += 1
        self._first.setdefault(kind, _PLACE.sub("", said))
        if self._counts[kind] <= SHOWN:
            self._warn(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for kind, count in self._counts.items():
            if count > SHOWN:
                like = "" if kind == _OTHERS else f": {shortened(self._first[kind], length=60)}"
                self._warn(f"… and {count - SHOWN:,} more like this{like}")


@contextmanager
def few_notes(listener: Listener) -> Iterator[None]:
    """Let somebody hear five notes of a kind, as of each file of a folder, and how many more."""
    with (
        Repeated(listener.info) as tell,
        Repeated(listener.warn) as warn,
        heard_by(_Few(listener, tell, warn)),
    ):
        yield


class _Few:
    def __init__(self, listener: Listener, tell: Repeated, warn: Repeated) -> None:
        self._listener, self._tell, self._warn = listener, tell, warn

    def info(self, text: str) -> None:
        self._tell(text, where=text.partition(": ")[0])

    def warn(self, text: str) -> None:
        self._warn(text, where=text.partition(": ")[0])

    def progress(self, *, total: int | None, label: str) -> AbstractContextManager[NotedCounter]:
        return self._listener.progress(total=total, label=label)
