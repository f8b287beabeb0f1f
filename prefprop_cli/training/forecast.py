"""How long a run will take, before its first step: from the time of two passes.

A pass takes a + b · n seconds on n tokens: what a document costs whatever its length, and what each
token adds. The attention is over a window, so b does not grow with the document.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time

from prefprop_cli.config.schema import TrainTable

SHORT = 64
GROWTH = 4


@dataclass(frozen=True)
class Cost:
    """Of one pass."""

    document_s: float
    token_s: float

    def of(self, lengths: Sequence[int]) -> float:
        """Seconds of a pass over each document.

        Args:
            lengths: tokens of each.
        """
        return len(lengths) * self.document_s + sum(lengths) * self.token_s


@dataclass(frozen=True)
class Costs:
    """Of what a run does with a document."""

    training: Cost
    """Forward and back."""
    evaluation: Cost
    """Forward alone."""

    def run_s(
        self, lengths: Sequence[int], validation: Sequence[int], settings: TrainTable
    ) -> float:
        """Seconds of all steps and evaluations, if patience does not end the run before.

        Args:
            lengths: tokens of each training document.
            validation: of each validation document.
            settings: the `[train]` table.
        """
        per_epoch = -(-len(lengths) // settings.batch_size)
        n_steps = min(
            settings.epochs * per_epoch, settings.max_steps or settings.epochs * per_epoch
        )
        n_evaluations = -(-n_steps // per_epoch)
        return n_steps / per_epoch * self.training.of(lengths) + n_evaluations * (
            self.evaluation.of(validation)
        )


def measure(
    work: Callable[[int], None],
    *,
    longest: int,
    most_s: float,
    clock: Callable[[], float] = perf_counter,
    busy: Callable[[], float] = process_time,
) -> Cost:
    """Time a pass on a short document and on one as long as there is time for.

    Args:
        work: a pass on a document of so many tokens; returns when it is done.
        longest: tokens of the longest document there is.
        most_s: seconds of processor time that the longer one may take.
        clock: seconds since any moment.
        busy: seconds that the processors have worked.
    """
    length = min(SHORT, longest)
    work(length)  # the first pass of a process prepares a lot
    busy_from = busy()
    times = {length: min(_seconds(work, length, clock), _seconds(work, length, clock))}
    busy_s = (busy() - busy_from) / 2
    while GROWTH * length <= longest and GROWTH * busy_s <= most_s:
        length, busy_from = GROWTH * length, busy()
        times[length] = _seconds(work, length, clock)
        busy_s = busy() - busy_from
    return _through_ends(times)


def _seconds(work: Callable[[int], None], length: int, clock: Callable[[], float]) -> float:
    begun_at = clock()
    work(length)
    return clock() - begun_at


def _through_ends(times: dict[int, float]) -> Cost:
    """The line through the shortest and the longest document."""
    short, long = min(times), max(times)
    if long == short:
        return Cost(0.0, times[short] / short)
    token_s = max(0.0, (times[long] - times[short]) / (long - short))
    return Cost(max(0.0, times[short] - short * token_s), token_s)
