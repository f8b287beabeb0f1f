"""How long a run takes: before its first step from the time of two passes, then from its pace.

A pass takes a + b · n seconds on n tokens: what a document costs whatever its length, and what each
token adds. The attention is over a window, so b does not grow with the document. Time is counted
in tokens and not in documents: those of a step are of similar length, so the first ones may be much
shorter than most.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, process_time

from prefprop_cli.config.schema import TrainTable

SHORT, GROWTH = 64, 4
DOCUMENT_TOKENS = 64
"""What a document costs beside its tokens, in tokens, where it was not measured."""
FORWARD_SHARE = 0.45
"""What a forward pass alone takes of one with its backward pass, until an evaluation shows it."""


@dataclass(frozen=True)
class Cost:
    """What one pass takes."""

    document_s: float
    token_s: float

    def of(self, lengths: Sequence[int]) -> float:
        """Return the seconds of a pass over each document, from its tokens."""
        return len(lengths) * self.document_s + sum(lengths) * self.token_s


@dataclass(frozen=True)
class Costs:
    """What a run does with a document."""

    training: Cost
    """Forward and back."""
    evaluation: Cost
    """Forward alone."""

    def run_s(
        self, lengths: Sequence[int], validation: Sequence[int], settings: TrainTable
    ) -> float:
        """Return the seconds of all steps and evaluations, if patience does not end the run before.

        `lengths` are the tokens of each training document, `validation` of each validation one.
        """
        per_epoch = -(-len(lengths) // settings.batch_size)
        n_steps = settings.epochs * per_epoch
        n_steps = min(n_steps, settings.max_steps or n_steps)
        training_s = n_steps / per_epoch * self.training.of(lengths)
        return training_s + -(-n_steps // per_epoch) * self.evaluation.of(validation)


def measure(
    work: Callable[[int], None],
    *,
    longest: int,
    most_s: float,
    clock: Callable[[], float] = perf_counter,
    busy: Callable[[], float] = process_time,
) -> Cost:
    """Time a pass on a short document and on one as long as there is time for.

    `work` is a pass on a document of so many tokens, the longer one has at most `longest` and takes
    at most `most_s` seconds of processor time.
    """

    def seconds(length: int) -> float:
        begun_at = clock()
        work(length)
        return clock() - begun_at

    short = length = min(SHORT, longest)
    work(length)  # the first pass of a process prepares a lot
    busy_from = busy()
    short_s = long_s = min(seconds(length), seconds(length))
    busy_s = (busy() - busy_from) / 2
    while GROWTH * length <= longest and GROWTH * busy_s <= most_s:
        length, busy_from = GROWTH * length, busy()
        long_s = seconds(length)
        busy_s = busy() - busy_from
    if length == short:
        return Cost(0.0, short_s / short)
    token_s = max(0.0, (long_s - short_s) / (length - short))
    return Cost(max(0.0, short_s - short * token_s), token_s)


def weight(lengths: Sequence[int]) -> int:
    """Return what documents of these lengths take, in tokens."""
    return sum(lengths) + DOCUMENT_TOKENS * len(lengths)


@dataclass
class Pace:
    """The steps and evaluations of a process, measured."""

    epoch_tokens: int
    """The weight of the documents of an epoch."""
    evaluation_tokens: int = 0
    """That of the documents of an evaluation; 0 if nobody knows."""
    clock: Callable[[], float] = perf_counter

    def __post_init__(self) -> None:
        self._begun_at, self._evaluating_s = self.clock(), 0.0
        self._tokens = self._evaluations = 0

    def trained(self, n_tokens: int) -> None:
        """Count so many more tokens that went forward and back."""
        self._tokens += n_tokens

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Measure an evaluation apart from the steps."""
        begun_at = self.clock()
        yield
        self._evaluating_s += self.clock() - begun_at
        self._evaluations += 1

    def left_s(self, n_tokens: float) -> float:
        """Return the seconds that so many more tokens take, with their share of evaluations."""
        if not self._tokens:  # a rank that had no share of any step
            return 0.0
        per_token = (self.clock() - self._begun_at - self._evaluating_s) / self._tokens
        if self._evaluations:
            evaluation_s = self._evaluating_s / self._evaluations
        else:
            evaluation_s = FORWARD_SHARE * per_token * self.evaluation_tokens
        return n_tokens * (per_token + evaluation_s / self.epoch_tokens)
