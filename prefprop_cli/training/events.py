"""The events of a training, the hooks of its caller, and its result (no torch).

Steps count optimizer steps from 1, epochs count from 1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["finished", "stopped early", "interrupted"]


@dataclass(frozen=True)
class Started:
    """The first event of a training."""

    n_examples: int
    n_steps: int
    """Optimizer steps of the whole run."""
    n_trainable: int
    """Trainable parameters, each number of a tensor counted."""
    step: int
    """Steps already done: above 0 for a resumed run. Rows logged beyond it are void."""
    precision: Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Step:
    """One optimizer step is done."""

    step: int
    n_steps: int
    epoch: int
    loss: float
    """Mean over the documents of the step."""
    lr: float
    grad_norm: float
    """Global norm before clipping."""
    tokens_per_s: float
    ids: tuple[str, ...]


@dataclass(frozen=True)
class DocumentsDone:
    """A micro-batch of the step at hand is done; the event of the step follows the last one."""

    step: int
    n_steps: int
    epoch: int
    n_epochs: int
    """Epochs of the run if its patience does not end."""
    done: int
    """Documents of the epoch that are done."""
    n_examples: int
    """Documents of an epoch."""
    loss: float | None
    """Mean over the micro-batch; None on a GPU, which would have to be waited for."""
    eta_s: float
    """Seconds left at the pace of this process, counted in tokens, evaluations included."""


@dataclass(frozen=True)
class EvaluationStarted:
    """The validation documents are about to be evaluated."""

    epoch: int
    step: int


@dataclass(frozen=True)
class Evaluated:
    """An epoch ended with this evaluation."""

    epoch: int
    step: int
    metrics: Mapping[str, float]
    is_best: bool


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on disk."""

    path: Path
    step: int


@dataclass(frozen=True)
class Warned:
    """Something the user should know; training goes on."""

    message: str


@dataclass(frozen=True)
class Stopped:
    """The last event of a training."""

    reason: Status


Event = Started | DocumentsDone | Step | EvaluationStarted | Evaluated | Saved | Warned | Stopped


@dataclass(frozen=True)
class Hooks:
    """What the caller of a training is told, and how it is stopped."""

    on_event: Callable[[Event], None] = lambda event: None
    """Called with each event as it happens, on rank 0 only."""
    on_progress: Callable[[int, int], None] = lambda done, total: None
    """Called with the documents of an evaluation that are done, and with all of them."""
    should_stop: Callable[[], bool] = lambda: False
    """Asked before each micro-batch and each evaluation; one rank that says so stops all. The
    state after the last whole step is then saved."""


@dataclass(frozen=True)
class Evaluation:
    """An evaluation on the validation documents, as far as the loop needs it."""

    metrics: Mapping[str, float]
    n_predicted: tuple[int, ...]
    """Documents predicted to be of each class; empty where there are none."""
    n_labelled: tuple[int, ...]
    """Documents that are of each class."""


@dataclass(frozen=True)
class FitResult:
    """How a training ended."""

    status: Status
    step: int
    """Optimizer steps done."""
    epoch: int
    """Epochs that ended with an evaluation."""
    best_step: int | None
    best_metric: float | None
    metrics: Mapping[str, float]
    """All metrics of the best step; empty before the first evaluation."""
    seconds: float
    """Wall time of this process, without earlier parts of a resumed run."""
