"""Whether the owner of a trial is alive, told across machines without a common clock."""

import threading
from collections.abc import Callable, Hashable
from time import monotonic
from types import TracebackType
from typing import Self

from optuna.exceptions import OptunaError
from sqlalchemy.exc import SQLAlchemyError

BEAT_S = 60.0
STALE_S = 3 * BEAT_S


class Heartbeat:
    """Beats in a thread of its own as long as the process lives; a context manager.

    Args:
        beat: told the number of the beat, from 0; one that the storage misses is made up for by
            the next.
    """

    def __init__(self, beat: Callable[[int], None]) -> None:
        self._beat = beat
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        count = 0
        while not self._end.wait(BEAT_S):
            try:
                self._beat(count)
            except (OptunaError, SQLAlchemyError, OSError):
                continue
            count += 1


class Observer:
    """Watches the signs of life of others, by its own clock."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: dict[Hashable, tuple[object, float]] = {}

    def is_stale(self, name: Hashable, signs: object) -> bool:
        """Whether the signs have not changed for `STALE_S` since they were first shown here."""
        now_s = self._clock()
        before, since_s = self._seen.get(name, (None, now_s))
        if name not in self._seen or before != signs:
            self._seen[name] = signs, now_s
            return False
        return now_s - since_s > STALE_S
