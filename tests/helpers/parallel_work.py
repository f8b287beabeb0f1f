"""What the ranks of a test do: functions that a process can import by name."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prefprop_cli.errors import ConfigError, DataError
from prefprop_cli.runs.distributed import world
from prefprop_cli.training.events import Event, FitResult, Saved, Started, Step, Warned
from prefprop_cli.training.inference import predict_logits
from prefprop_cli.training.rng import rng_state
from tests.helpers.toy import Toy, ToyBatch


def outcome_of(work):
    """What work returned, or its error, with whether this rank tells of it."""
    try:
        return work()
    except Exception as error:
        return error, world().reports(error)


# World


def fails_on(ranks: Sequence[int]):
    """Ranks that meet an error of their own, in one piece of work."""
    here = world()

    def work() -> int:
        if here.rank in ranks:
            raise DataError(f"rank {here.rank} failed")
        return here.rank

    return outcome_of(lambda: here.on_all(work))


def raises_on_rank_1(error: Exception):
    def work() -> None:
        if not world().is_main:
            raise error

    return outcome_of(lambda: world().on_all(work))


def keeps_its_own(fails: bool):
    """A result that could not be sent, and needs not."""

    def work():
        if fails and not world().is_main:
            raise DataError("on rank 1")
        return lambda: world().rank

    result = outcome_of(lambda: world().on_each(work))
    return result if fails else result()


class Odd(Exception):
    """An error that does not arrive as it was sent."""

    def __init__(self, *, detail: str) -> None:
        super().__init__(detail)


def raises_an_odd_error():
    return raises_on_rank_1(Odd(detail="of its own kind"))


def alone_on_main():
    calls = []
    result = world().on_main(lambda: calls.append(world().rank) or {"made by": world().rank})
    return result, calls


def fails_on_main():
    def work() -> None:
        raise ConfigError(["a = 1 is wrong", "b = 2 too"], hint="look there")

    return outcome_of(lambda: world().on_main(work))


def leaves_a_file(path: Path):
    """Each rank sees whether the file was there, and makes it."""

    def work() -> bool:
        was_there = path.exists()
        path.touch()
        return was_there

    return world().first_on_machine(work)


def streams(n: int, size: int, fails_at: int | None = None):
    def numbers():
        for number in range(n):
            if number == fails_at:
                raise DataError(f"cannot read {number}")
            yield number

    def work(share: Sequence[int]) -> list[tuple[int, int]]:
        return [(number, world().rank) for number in share]

    items = numbers() if world().is_main else None
    chunks: list[object] = []

    def collect() -> None:
        chunks.extend(world().stream(items, work, size=size))

    failure = outcome_of(collect)
    return chunks, failure


def adds_up():
    tensor = torch.tensor([1.0, 10.0]) * (world().rank + 1)
    same = tensor
    world().add_up(tensor)
    return tensor.tolist(), same is tensor


# Training

UNSEEN = "unseen"
"""A folder that nobody makes."""


@dataclass(frozen=True)
class Fitted:
    """What a rank has after a fit."""

    result: FitResult | None
    error: tuple[Exception, bool] | None
    weights: dict[str, NDArray[np.float32]]
    rng: dict[str, str]
    steps: list[Step]
    warnings: list[str]
    n_events: int
    first_step: int | None


def run_fit(folder: Path, options: dict[str, object]) -> "Fitted":
    return fit(folder, **options)


def fit(
    folder: Path,
    *,
    nan_of: str = "",
    fits: int = 99,
    small_rank: int = 1,
    stop_rank: int = 1,
    stop_at: int = 10_000,
    exit_at_save: int | None = None,
    evaluation_fails: bool = False,
    reads_prefix: bool = True,
    inf_gradient_on: int | None = None,
    dropout: float = 0.0,
    **settings: object,
) -> Fitted:
    """Fit the toy on this rank.

    Args:
        folder: of the run; the other ranks do not even know where it is.
        nan_of: the document whose loss is not a number.
        fits: documents that fit into the memory of `small_rank`.
        small_rank: the rank whose memory is small.
        stop_rank: the rank that is asked to stop.
        stop_at: its look from which on it says so (0 for the first).
        exit_at_save: the step whose save rank 0 does not outlive.
        evaluation_fails: whether rank 0 cannot write down its evaluation.
        reads_prefix: whether the loss depends on it.
        inf_gradient_on: the rank whose gradients are not finite.
        dropout: of the toy.
        **settings: of the training.
    """
    rank, looks = world().rank, iter(range(10_000))
    toy = Toy(folder if rank == 0 else folder / UNSEEN, dropout=dropout)

    def losses(batch: ToyBatch) -> Tensor:
        if rank == small_rank and len(batch.ids) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        plain = toy.losses(batch)
        return plain + torch.tensor([nan if name == nan_of else 0.0 for name in batch.ids])

    def evaluate():
        evaluation = toy.evaluate()
        if evaluation_fails and rank == 0:
            raise DataError("the evaluation cannot be written")
        return evaluation

    def on_event(event: Event) -> None:
        if isinstance(event, Saved) and event.step == exit_at_save:
            os._exit(9)

    if rank == inf_gradient_on:
        toy.model.prefix.register_hook(lambda gradient: gradient * inf)
    if not reads_prefix:
        toy.model.reads_prefix = False
    result = outcome_of(
        lambda: toy.fit(
            losses=losses,
            evaluate=evaluate,
            on_event=on_event,
            should_stop=lambda: next(looks) >= stop_at and rank == stop_rank,
            **settings,
        )
    )
    started = toy.seen(Started)
    return Fitted(
        result=result if isinstance(result, FitResult) else None,
        error=None if isinstance(result, FitResult) else result,
        weights={name: tensor.numpy() for name, tensor in toy.weights().items()},
        rng=rng_state(),
        steps=toy.seen(Step),
        warnings=[event.message for event in toy.seen(Warned)],
        n_events=len(toy.events),
        first_step=started[0].step if started else None,
    )


# Evaluation


@dataclass(frozen=True)
class Numbers:
    """Documents that are numbers; one of length n has n logits."""

    values: Sequence[int]
    lengths: Sequence[int]

    def __len__(self) -> int:
        return len(self.values)

    def load(self, indices: Sequence[int]) -> "Numbers":
        return Numbers(
            [self.values[index] for index in indices], [self.lengths[index] for index in indices]
        )

    def to(self, device: str) -> "Numbers":
        return self


class Widths(torch.nn.Module):
    """Logits of a number v with width w: v, v + 1, …, v + w - 1."""

    def forward(self, batch: Numbers) -> Tensor:
        width = max(batch.lengths)
        return torch.tensor([[v + i for i in range(width)] for v in batch.values]).float()


def predict(examples: Numbers, stop_rank: int | None = None, fail_rank: int | None = None):
    told: list[int] = []
    seen: list[int] = []

    class Seen(Widths):
        def forward(self, batch: Numbers) -> Tensor:
            seen.extend(batch.values)
            if world().rank == fail_rank:
                raise DataError("broken document")
            return super().forward(batch)

    logits = outcome_of(
        lambda: predict_logits(
            Seen(),
            examples,
            batch_size=4,
            device="cpu",
            should_stop=lambda: world().rank == stop_rank,
            on_progress=lambda done, total: told.append(done),
        )
    )
    return logits, told, seen
