"""A tiny classifier on random documents, ready to fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from prefprop_cli.config.schema import TrainTable
from prefprop_cli.training.checkpoint import CheckpointManager
from prefprop_cli.training.events import Evaluation, Event, FitResult, Hooks
from prefprop_cli.training.state import Trainable
from prefprop_cli.training.trainer import Trainer

N, WIDTH, CLASSES = 10, 4, 3


@dataclass(frozen=True)
class ToyBatch:
    ids: tuple[str, ...]
    x: Tensor
    y: Tensor

    @property
    def n_tokens(self) -> int:
        return self.x.numel()

    def to(self, device: torch.device) -> "ToyBatch":
        return ToyBatch(self.ids, self.x.to(device), self.y.to(device))


class ToyExamples:
    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(1)
        self.x = torch.randn(N, WIDTH, generator=generator)
        self.y = torch.arange(N) % CLASSES
        self.lengths = torch.randint(1, 99, (N,), generator=generator).tolist()

    def load(self, indices: Sequence[int]) -> ToyBatch:
        chosen = list(indices)
        return ToyBatch(tuple(f"doc{i}" for i in chosen), self.x[chosen], self.y[chosen])

    def for_epoch(self, epoch: int) -> "ToyExamples":
        return self


class ToyModel(Trainable):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.backbone = nn.Linear(WIDTH, 8).requires_grad_(False)
        self.prefix = nn.Parameter(torch.zeros(8))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(8, CLASSES)
        self.reads_prefix = True

    def forward(self, x: Tensor) -> Tensor:
        prefix = self.prefix if self.reads_prefix else 0.0
        logits: Tensor = self.head(self.dropout(torch.tanh(self.backbone(x) + prefix)))
        return logits

    def losses(self, batch: ToyBatch) -> Tensor:
        return nn.functional.cross_entropy(self(batch.x), batch.y, reduction="none")

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        return {
            name: tensor
            for name, tensor in self.named_parameters()
            if not name.startswith("backbone")
        }

    @property
    def unreached(self) -> tuple[str, ...]:
        return () if self.reads_prefix else ("prefix",)


@dataclass
class Toy:
    """One process of a run: a freshly built model, and the events of its training."""

    folder: Path
    dropout: float = 0.5
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(7)
        self.model = ToyModel(self.dropout)
        self.examples = ToyExamples()
        self.checkpoints = CheckpointManager(self.folder, 2)

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        return self.model.trainable

    def weights(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.trainable.items()}

    def losses(self, batch: ToyBatch) -> Tensor:
        return ToyModel.losses(self.model, batch)

    def evaluate(self) -> Evaluation:
        torch.rand(3)  # an evaluation may draw
        with torch.no_grad():
            logits = self.model(self.examples.x)
        nll = nn.functional.cross_entropy(logits, self.examples.y).item()
        predicted = torch.bincount(logits.argmax(1), minlength=CLASSES)
        labelled = torch.bincount(self.examples.y, minlength=CLASSES)
        return Evaluation({"nll": nll}, tuple(predicted.tolist()), tuple(labelled.tolist()))

    def fit(
        self,
        *,
        losses: Callable[[ToyBatch], Tensor] | None = None,
        evaluate: Callable[[], Evaluation | None] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        on_event: Callable[[Event], None] = lambda event: None,
        resume: bool = False,
        **settings: object,
    ) -> FitResult:
        def record(event: Event) -> None:
            self.events.append(event)
            on_event(event)

        table = {"epochs": 3, "batch_size": 4, "micro_batch_size": 2, "lr": 0.1, "metric": "nll"}
        self.model.losses = losses or self.losses
        trainer = Trainer(
            self.model,
            self.examples,
            TrainTable.model_validate(table | settings),
            self.checkpoints,
            device="cpu",
            hooks=Hooks(on_event=record, should_stop=should_stop),
        )
        return trainer.fit(evaluate or self.evaluate, resume=resume)

    def seen(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
