"""The processes of one command: who they are, how they divide work, how they agree on its end.

`torchrun` and `accelerate launch` start several, called ranks. Each runs the same program; rank 0
speaks, reads and writes for all of them. Everything here does nothing special in a process that
was started alone, and nothing here imports torch before there is something to exchange.

Rules of the house:

- Every rank calls the same functions of `World` in the same order.
- What one rank alone may find out - an error, a request to stop - becomes what all of them do by
  `on_all` and `on_main`, so that none waits for another that has left.
- An error that only one rank raises ends its process, and the launcher ends the others.
"""

import atexit
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Generic, TypeVar

from prefprop_cli.errors import PrefpropError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
R = TypeVar("R")

LONGEST_WAIT = timedelta(hours=6)
"""A rank may have to wait while another tokenises a large set; PyTorch gives up after 30 min."""
_RAISED_ON_ALL = "_raised_on_all_ranks"
_NOTHING = object()


@dataclass(frozen=True)
class World:
    """All processes of a command, seen from one of them."""

    rank: int = 0
    """Which of them this is, from 0."""
    size: int = 1
    """How many they are."""
    local_rank: int = 0
    """Which of those on this machine this is, from 0."""

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which speaks and writes for all."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return the items of this rank: every n-th, so that sorted work is dealt out evenly."""
        return items[self.rank :: self.size]

    def on_all(self, work: Callable[[], T]) -> list[T]:
        """Do a piece of work on every rank, and return what each made of it, by rank.

        Raises:
            Exception: the error of the lowest rank that failed, on every rank.
        """
        if self.size == 1:
            return [work()]
        own = _attempt(work)
        self.connect()
        from torch import distributed

        outcomes: list[_Outcome[T]] = [own] * self.size
        distributed.all_gather_object(outcomes, own)
        # Not its copy: it has the traceback.
        outcomes[self.rank] = own
        return [outcome.result() for outcome in outcomes]

    def on_each(self, work: Callable[[], T]) -> T:
        """Do as `on_all`, and return this rank's own result; only errors travel."""
        own: list[T] = []
        self.on_all(lambda: own.append(work()))
        return own[0]

    def on_main(self, work: Callable[[], T]) -> T:
        """Do a piece of work on rank 0 alone, and return its result, or raise its error, on all."""
        if self.size == 1:
            return work()
        own = _attempt(work) if self.is_main else None
        self.connect()
        from torch import distributed

        box = [own]
        distributed.broadcast_object_list(box, src=0)
        outcome = own or box[0]
        assert outcome is not None  # rank 0 sent one
        return outcome.result()

    def first_on_machine(self, work: Callable[[], T]) -> T:
        """Do a piece of work on one rank of each machine, then on the others, which find its files.

        What one of the first raises is raised on every rank.
        """
        done: list[T] = []
        self.on_all(lambda: done.append(work()) if self.local_rank == 0 else None)
        return done[0] if done else work()

    def stream(
        self, items: Iterable[T], work: Callable[[Sequence[T]], Sequence[R]], *, size: int
    ) -> Iterator[list[R]]:
        """Do work on a stream that rank 0 reads, and yield the results in its order on every rank.

        A rank works on `size` items at a time and makes as many results, which can be pickled;
        what is yielded are those of all ranks.
        """
        iterator = iter(items if self.is_main else ())
        while chunk := self.on_main(lambda: list(islice(iterator, size * self.size))):
            yield merged(self.on_all(partial(work, self.share(chunk))))

    def add_up(self, tensor: "Tensor") -> None:
        """Replace a tensor by its sum over the ranks, the same bits on each; it stays in place."""
        if self.size > 1:
            self.connect()
            from torch import distributed

            distributed.all_reduce(tensor)

    def connect(self) -> None:
        """Let the ranks find each other, if there are several; the other functions do so, too."""
        if self.size == 1:
            return
        import torch
        from torch import distributed

        if not distributed.is_initialized():  # accelerate takes over a group that is there
            # Objects go by way of the CPU, so that they wait for no GPU and take no room on it.
            backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            distributed.init_process_group(backend, timeout=LONGEST_WAIT)
            atexit.register(distributed.destroy_process_group)

    def own_device(self, name: str) -> str:
        """Say where this rank computes: with several ranks, `cuda` is a GPU for each.

        Raises:
            UsageError: one GPU is named for several ranks, or the machine has too few of them.
        """
        if self.size == 1 or not name.startswith("cuda"):
            return name
        import torch

        if name != "cuda":
            raise UsageError(
                f"--device {name} names one GPU for {self.size} processes. Use --device cuda, "
                "and CUDA_VISIBLE_DEVICES to choose the GPUs"
            )
        if self.local_rank >= torch.cuda.device_count():
            raise UsageError(
                f"process {self.local_rank + 1} of this machine has no GPU: there are "
                f"{torch.cuda.device_count()}. Start as many processes (--nproc-per-node)"
            )
        torch.cuda.set_device(self.local_rank)
        return f"cuda:{self.local_rank}"

    def reports(self, error: BaseException) -> bool:
        """Tell whether this rank reports an error: rank 0 reports those that all ranks raise."""
        return self.is_main or not any(
            getattr(cause, _RAISED_ON_ALL, False) for cause in (error, error.__cause__)
        )


def world() -> World:
    """Return the processes that `torchrun` or `accelerate launch` started; without them, one."""
    # A WORLD_SIZE without a LOCAL_RANK was set by a cluster for what it starts, not by a launcher.
    if "LOCAL_RANK" not in os.environ:
        return World()
    rank, size, local_rank = (
        int(os.environ.get(name, default))
        for name, default in (("RANK", 0), ("WORLD_SIZE", 1), ("LOCAL_RANK", 0))
    )
    return World(rank, size, local_rank)


def merged(shares: Sequence[Sequence[T]]) -> list[T]:
    """Put items back in the order they had before each rank got its share."""
    rounds = zip_longest(*shares, fillvalue=_NOTHING)
    return [item for dealt in rounds for item in dealt if item is not _NOTHING]  # type: ignore[misc]


@dataclass(frozen=True)
class _Outcome(Generic[T]):
    """What a piece of work came to."""

    value: T | None = None
    error: Exception | None = None

    def result(self) -> T:
        if self.error is not None:
            setattr(self.error, _RAISED_ON_ALL, True)
            raise self.error
        return self.value  # type: ignore[return-value]


def _attempt(work: Callable[[], T]) -> _Outcome[T]:
    try:
        return _Outcome(value=work())
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # one that takes odd arguments does not arrive as what it is
            plain = PrefpropError(f"{type(error).__name__}: {error}")
            plain.__cause__ = error
            return _Outcome(error=plain)
        return _Outcome(error=error)
