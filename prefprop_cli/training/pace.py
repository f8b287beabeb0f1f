"""How long the rest of a run takes, from what is done of it.

Counted in tokens, not in documents: the time of a pass follows them, and the documents of a step
are of similar length, so the first ones may be much shorter than most.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter

DOCUMENT_TOKENS = 64
"""What a document costs beside its tokens, in tokens."""
FORWARD_SHARE = 0.45
"""What a forward pass alone takes of one with its backward pass, until an evaluation shows it."""


def weight(lengths: Sequence[int]) -> int:
    """What documents of these lengths take, in tokens."""
    return sum(lengths) + DOCUMENT_TOKENS * len(lengths)


class Pace:
    """Measures the steps and evaluations of a process.

    Args:
        epoch_tokens: the weight of the documents of an epoch.
        evaluation_tokens: that of the documents of an evaluation; 0 if nobody knows.
        clock: seconds since any moment.
    """

    def __init__(
        self,
        *,
        epoch_tokens: int,
        evaluation_tokens: int = 0,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._epoch_tokens, self._evaluation_tokens = epoch_tokens, evaluation_tokens
        self._clock, self._begun_at = clock, clock()
        self._tokens = self._evaluations = 0
        self._evaluating_s = 0.0

    def trained(self, n_tokens: int) -> None:
        """So many more tokens went forward and back."""
        self._tokens += n_tokens

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Measure an evaluation apart from the steps."""
        begun_at = self._clock()
        yield
        self._evaluating_s += self._clock() - begun_at
        self._evaluations += 1

    def left_s(self, n_tokens: float) -> float:
        """Seconds that so many more tokens take, with their share of the evaluations."""
        if not self._tokens:  # a rank that had no share of any step
            return 0.0
        per_token = (self._clock() - self._begun_at - self._evaluating_s) / self._tokens
        if self._evaluations:
            evaluation_s = self._evaluating_s / self._evaluations
        else:
            evaluation_s = FORWARD_SHARE * per_token * self._evaluation_tokens
        return n_tokens * (per_token + evaluation_s / self._epoch_tokens)
