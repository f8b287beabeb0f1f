"""What the logits of a run say of a split: figures, classes, confusions and mistakes.

Axes: N documents, C classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.metrics import classification_metrics, stated_intervals
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.experiment.stored_logits import SavedLogits
from prefprop_cli.notes import Note
from prefprop_cli.stats.small_samples import Stated, share
from prefprop_cli.tasks.base import Task
from prefprop_cli.tasks.metrics import (
    Metrics,
    chance_share,
    confusion_matrix,
    majority_share,
    rates_by_class,
)

if TYPE_CHECKING:
    from prefprop_cli.experiment.adapter import Adapter


@dataclass(frozen=True)
class ClassScores:
    """One class; of one that neither occurs nor is predicted the metrics are NaN."""

    name: str
    support: int
    """Documents of the class."""
    metrics: Mapping[str, float]
    """Precision, recall and F1; 0 where nothing is right."""
    intervals: Mapping[str, Stated]
    """Wilson's, of precision and recall, or why there is none."""


@dataclass(frozen=True)
class Mistake:
    """A document whose label is another than the model says."""

    id: str
    label: str
    said: str
    prob: float
    """Of what the model says."""


@dataclass(frozen=True)
class RunEvaluation:
    """A run on a split, or on documents of one's own; each figure is computed when asked for."""

    split: str
    """Its name, or `own data`."""
    saved: SavedLogits
    task: Task
    labels: tuple[str, ...]
    """The classes, if the task has any."""
    n_bins: int = 15
    n_resamples: int = 2000
    warnings: tuple[Note, ...] = ()
    adapter: "Adapter | None" = None
    """What the run says of itself, where it was read."""
    baselines: Mapping[str, float] = field(default_factory=dict)
    """Accuracy of what needs no training or little, by name."""

    @property
    def n(self) -> int:
        return len(self.saved.labels)

    @property
    def accuracy(self) -> float:
        return float(self.saved.is_right.mean())

    @property
    def accuracy_interval(self) -> Stated:
        """Of 95 %, or why there is none."""
        return share(int(self.saved.is_right.sum()), self.n, of="documents")

    @property
    def guess(self) -> tuple[str, float]:
        """Accuracy without reading: of the most frequent label, or of any candidate by chance."""
        if self.task.has_classes:
            return "majority", majority_share(self.saved.labels)
        return "chance", chance_share(self.saved.logits)

    @property
    def _measures(self) -> Metrics:
        return self.task.metrics(len(self.labels) or self.saved.logits.shape[1])

    @cached_property
    def metrics(self) -> dict[str, float]:
        return classification_metrics(
            self.saved.logits, self.saved.labels, metrics=self._measures, n_bins=self.n_bins
        )

    @cached_property
    def intervals(self) -> dict[str, Stated]:
        return stated_intervals(
            self.saved.logits,
            self.saved.labels,
            metrics=self._measures,
            n_bins=self.n_bins,
            n_resamples=self.n_resamples,
        )

    @cached_property
    def confusions(self) -> Ints:
        """Documents of each class (rows) that are said to be of each (columns); (C, C)."""
        return confusion_matrix(self.saved.logits, self.saved.labels, n_classes=len(self.labels))

    @cached_property
    def classes(self) -> list[ClassScores]:
        """In the order of the logits; none where the task has none."""
        if not self.task.has_classes:
            return []
        matrix = self.confusions
        rates = np.stack(rates_by_class(matrix), axis=1).tolist()
        counts = zip(matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0), strict=True)
        found = []
        for name, of_class, row in zip(self.labels, counts, rates, strict=True):
            n_right, n_actual, n_predicted = map(int, of_class)
            precision, recall, f1 = row if n_actual or n_predicted else [nan] * 3
            intervals = {
                "precision": share(n_right, n_predicted, of="documents said to be of the class"),
                "recall": share(n_right, n_actual, of="documents of the class"),
                "f1": "",
            }
            metrics = {"precision": precision, "recall": recall, "f1": f1}
            found.append(ClassScores(name, n_actual, metrics, intervals))
        return found

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """What is wrong, the surest first; none where there are no classes."""
        if not self.task.has_classes:
            return []
        saved = self.saved
        said = saved.logits.argmax(axis=1)
        confidence = Predictions.from_logits(saved.logits, saved.labels).confidence.tolist()
        found = [
            Mistake(saved.ids[n], self.labels[saved.labels[n]], self.labels[said[n]], confidence[n])
            for n in np.flatnonzero(~saved.is_right)
        ]
        return sorted(found, key=lambda each: -each.prob)
