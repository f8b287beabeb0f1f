"""Finished run folders without any training: configuration, manifest, logits, empty adapter."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.config.load import dump_config
from prefprop_cli.config.schema import Config
from prefprop_cli.experiment.adapter import Adapter, save_adapter
from prefprop_cli.experiment.stored_logits import SavedLogits, save_logits
from prefprop_cli.report.collect import collect
from prefprop_cli.report.groups import group
from prefprop_cli.report.scores import ScoredSet, score
from prefprop_cli.runs import RunFolder
from prefprop_cli.tasks.metrics import ClassMetrics

N_DOCUMENTS = 60
Logits = NDArray[np.float32]


def config(
    name: str = "prefix-propagation", *, set_name: str = "hyperpartisan", **tables: object
) -> Config:
    """A configuration; `tables` are dicts of further keys."""
    values: dict[str, dict[str, object]] = {
        "data": {"set": set_name},
        "method": {"name": name},
        "eval": {"resamples": 200},
    }
    for table, keys in tables.items():
        assert isinstance(keys, Mapping)
        values[table] = {**values.get(table, {}), **keys}
    return Config(name="tiny", **values)


def labels(n: int = N_DOCUMENTS, *, n_classes: int = 2) -> NDArray[np.int64]:
    return np.arange(n) % n_classes


def logits(
    quality: float, *, seed: int, n: int = N_DOCUMENTS, n_classes: int = 2, of: int = 0
) -> Logits:
    """Logits that know the label the better the higher `quality` is; `of` names the documents."""
    truth = np.eye(n_classes)[labels(n, n_classes=n_classes)]
    documents = np.random.default_rng(1000 + of).normal(size=(n, n_classes))
    noise = 0.4 * np.random.default_rng(seed).normal(size=(n, n_classes))
    return (2 * (quality * truth + documents + noise)).astype(np.float32)


def saved(split: str, logits: Logits, labels: NDArray[np.int64]) -> SavedLogits:
    """The documents `validation-0` and so on, each 30 tokens longer than the last."""
    numbers = range(len(labels))
    ids = tuple(f"{split}-{number}" for number in numbers)
    return SavedLogits(ids, logits, labels, n_tokens=np.array([100 + 30 * i for i in numbers]))


def evaluate(run: RunFolder, split: str, *, machine: object) -> None:
    """What an evaluation does: the logits of a split are stored."""
    save_logits(run.evaluation, split, saved(split, logits(1.0, seed=0, of=1), labels()))


def write(
    folder: Path,
    config: Config,
    *,
    quality: float = 1.0,
    seed: int = 0,
    status: str = "finished",
    splits: Sequence[str] = ("validation", "test"),
    epochs: int = 3,
    n_classes: int = 2,
    n: int = N_DOCUMENTS,
    started: str = "2026-11-21T10:00:00.000+00:00",
) -> Path:
    """A run folder whose seed and logits depend on `seed` and `quality` alone.

    Splits have the documents `validation-0` and so on; `quality` rises over the epochs.
    """
    run = RunFolder.create_at(folder)
    trained = config.model_copy(update={"train": config.train.model_copy(update={"seed": seed})})
    run.config.write_text(dump_config(trained))
    truth = labels(n, n_classes=n_classes)
    size = {"n": n, "n_classes": n_classes}
    for place, split in enumerate(splits):
        found = logits(quality, seed=seed, of=place, **size)
        save_logits(run.evaluation, split, saved(split, found, truth))
    for epoch in range(1, epochs + 1):
        found = logits(quality * epoch / epochs, seed=seed, **size)
        name = f"validation-step-{5 * epoch:06d}"
        save_logits(run.evaluation, name, saved("validation", found, truth))
        metrics = classification_metrics(found, truth, metrics=ClassMetrics(n_classes))
        run.append_metrics({"step": 5 * epoch - 1, "epoch": epoch, "loss": 1.0})
        run.append_metrics({"step": 5 * epoch, "epoch": epoch, "validation": metrics})
    best = classification_metrics(
        logits(quality, seed=seed, **size), truth, metrics=ClassMetrics(n_classes)
    )
    run.update_manifest(
        status=status,
        exit_reason=status,
        seed=seed,
        started=started,
        backbone_sha256="ab" * 32,
        validation=best,
    )
    adapter = Adapter(
        labels=()
        if config.data.set == "wikihop"
        else tuple(f"class {k}" for k in range(n_classes)),
        config=trained,
        backbone_sha256="ab" * 32,
        tokenizer_sha256="cd" * 32,
    )
    save_adapter(run.adapter, adapter, {})
    return folder


def scored_in(folder: Path, split: str = "test") -> ScoredSet:
    """The runs of one data set in a folder, scored on a split."""
    (data,), _ = group(collect([folder]).runs)
    return score(data, split)
