"""A small encoder trained from beginning to end, as the program that a launcher starts."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.config.schema import TrainTable
from prefprop_cli.runs.distributed import world
from prefprop_cli.tasks.batch import Examples
from prefprop_cli.tasks.metrics import ClassMetrics
from prefprop_cli.training.checkpoint import CheckpointManager
from prefprop_cli.training.events import Evaluation, Event, Hooks, Step
from prefprop_cli.training.inference import predict_logits
from prefprop_cli.training.trainer import Trainer
from tests.helpers.classifier import FORM, TINY, classifier

N, VALIDATION = 11, 5
"""Documents; the last so many are for validation too."""
SETTINGS = {"epochs": 3, "batch_size": 5, "micro_batch_size": 2, "lr": 0.003, "metric": "nll"}


class Table(list[dict[str, object]]):
    """Records, some of which can be had column by column."""

    def __getitem__(self, key: list[int]) -> dict[str, list[object]]:
        records = list(self)
        return {name: [records[index][name] for index in key] for name in records[0]}


def documents(numbers: range) -> Examples:
    """Texts of one or two rows and of many lengths, with labels that can be learnt."""
    table = Table()
    for number in numbers:
        generator, kind = np.random.default_rng(number), number % 2
        rows = [
            [0, *(generator.integers(5, 15, size=3 + 2 * number) + 10 * kind).tolist()]
            for _ in range(1 + kind)
        ]
        table.append({"id": f"doc{number}", "rows": rows, "label": kind})
    lengths = [sum(map(len, record["rows"])) for record in list(table)]
    return Examples(table, lengths, FORM)


def train(folder: Path, method: str) -> None:
    """Leave `curve.json`, `weights.safetensors` and checkpoints in the folder.

    Each rank leaves `logits-<rank>.npy`, the validation logits of the last evaluation.
    """
    torch.manual_seed(0)
    tables = {"model": {"dropout": 0.0}, "train": {"chunks_per_pass": 8}}
    model = classifier(TINY, name=method, tables=tables, dropout=0.0)
    for parameter in model.backbone.parameters():
        if parameter.ndim > 1:  # so that what stands in a text matters
            torch.nn.init.normal_(parameter, std=0.3)
    validation = documents(range(N - VALIDATION, N))
    steps: list[Step] = []

    def evaluate() -> Evaluation:
        logits = predict_logits(model, validation, batch_size=2, device="cpu")
        np.save(folder / f"logits-{world().rank}.npy", logits)
        labels = np.arange(N - VALIDATION, N) % 2
        metrics = classification_metrics(logits, labels, metrics=ClassMetrics(2), n_bins=10)
        return Evaluation(metrics, (1, 1), (1, 1))

    def on_event(event: Event) -> None:
        if isinstance(event, Step):
            steps.append(event)

    trainer = Trainer(
        model,
        documents(range(N)),
        TrainTable.model_validate(SETTINGS),
        CheckpointManager(folder / "checkpoints", keep=1),
        device="cpu",
        hooks=Hooks(on_event=on_event),
    )
    trainer.fit(evaluate)
    if world().is_main:
        rows = [{"loss": e.loss, "grad_norm": e.grad_norm, "ids": e.ids} for e in steps]
        (folder / "curve.json").write_text(json.dumps(rows))
        weights = {name: tensor.detach().numpy() for name, tensor in model.trainable.items()}
        save_file(weights, folder / "weights.safetensors")


@dataclass(frozen=True)
class Trained:
    """What `train` left behind."""

    losses: list[float]
    grad_norms: list[float]
    ids: list[list[str]]
    weights: dict[str, NDArray[np.float32]]
    logits: list[NDArray[np.float32]]
    """By rank."""

    @classmethod
    def read(cls, folder: Path) -> "Trained":
        rows = json.loads((folder / "curve.json").read_text())
        return cls(
            losses=[row["loss"] for row in rows],
            grad_norms=[row["grad_norm"] for row in rows],
            ids=[row["ids"] for row in rows],
            weights=load_file(folder / "weights.safetensors"),
            logits=[np.load(path) for path in sorted(folder.glob("logits-*.npy"))],
        )

    def assert_close(self, other: "Trained", *, noise: Sequence[str] = ()) -> None:
        """Both are the same run, within 1e-6; `noise` are tensors that gradients do not guide."""
        assert self.ids == other.ids
        assert self.losses == pytest.approx(other.losses, abs=1e-6, rel=0)
        assert self.grad_norms == pytest.approx(other.grad_norms, rel=1e-5)
        assert self.weights.keys() == other.weights.keys()
        for name in self.weights.keys() - set(noise):
            np.testing.assert_allclose(
                self.weights[name], other.weights[name], atol=1e-6, rtol=0, err_msg=name
            )
        np.testing.assert_allclose(self.logits[0], other.logits[0], atol=1e-6, rtol=0)


if __name__ == "__main__":
    train(Path(sys.argv[1]), sys.argv[2])
