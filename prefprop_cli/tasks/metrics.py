"""What right and wrong answers add up to, and what is better.

Precision, recall and F1 come from the confusion matrix, because the bootstrap needs thousands
of them; the numbers are those of scikit-learn with `zero_division=0`.

Axes: N documents, C classes.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.errors import DataError

LOWER_IS_BETTER = frozenset({"nll", "brier", "ece", "ece_paper", "mce"})


class Metrics(Protocol):
    """What right and wrong answers add up to; errors of calibration are the same for all tasks."""

    def outcomes(self, logits: NDArray[np.floating], labels: Ints) -> Ints:
        """Return (N,), of each document all that the scores depend on, in one number.

        Raises:
            DataError: the logits (N, C) are not of this task.
        """

    def scores(self, outcomes: Ints) -> dict[str, float]:
        """Return the scores of these documents, in [0, 1]."""

    def shares(self, labels: Ints, predicted: Ints) -> dict[str, tuple[int, int, str]]:
        """Return the scores that are a share: (documents that have it, of how many, of what)."""


def better(metric_name: str, new: float, best: float | None) -> bool:
    """Whether `new` beats `best`: lower for losses and errors, else higher; None loses always."""
    if best is None:
        return True
    return new < best if metric_name in LOWER_IS_BETTER else new > best


def majority_share(labels: ArrayLike) -> float:
    """Share of the most frequent label: the accuracy of always answering it.

    Raises:
        DataError: no labels.
    """
    counts = np.unique(np.asarray(labels), return_counts=True)[1]
    if not len(counts):
        raise DataError("no labels: the split is empty. Choose another split")
    return float(counts.max() / counts.sum())


def chance_share(logits: ArrayLike) -> float:
    """Accuracy of a guess among the candidates of each document, those without a logit of -inf."""
    return float((1 / np.isfinite(np.asarray(logits)).sum(axis=1)).mean())


@dataclass(frozen=True)
class ClassMetrics:
    """Scores of answers that are one of C classes.

    `accuracy`, `f1_micro` (equal to it where each document has one label), `f1_macro`,
    `precision_macro`, `recall_macro`; for two classes also `f1_binary`, `precision_binary` and
    `recall_binary` of class 1. Macro means run over the classes that occur among the labels or the
    predictions; a class that is never predicted has precision 0.
    """

    n_classes: int

    def outcomes(self, logits: NDArray[np.floating], labels: Ints) -> Ints:
        """Return (N,), the cell of the confusion matrix in which each document is."""
        if logits.shape[1] != self.n_classes:
            raise DataError(
                f"logits have {logits.shape[1]} columns, the task {self.n_classes} classes"
            )
        return labels * self.n_classes + logits.argmax(axis=1)

    def scores(self, outcomes: Ints) -> dict[str, float]:
        n = self.n_classes
        matrix = np.bincount(outcomes, minlength=n**2).reshape(n, n)
        precision, recall, f1 = rates_by_class(matrix)
        present = matrix.sum(axis=1) + matrix.sum(axis=0) > 0
        accuracy = float(matrix.trace() / matrix.sum())
        scores = {
            "accuracy": accuracy,
            "f1_micro": accuracy,
            "f1_macro": float(f1[present].mean()),
            "precision_macro": float(precision[present].mean()),
            "recall_macro": float(recall[present].mean()),
        }
        rates = {"f1": f1, "precision": precision, "recall": recall}
        binary = {f"{name}_binary": float(rate[1]) for name, rate in rates.items() if n == 2}
        return scores | binary

    def shares(self, labels: Ints, predicted: Ints) -> dict[str, tuple[int, int, str]]:
        """Return those of the protocol; that of `f1_binary` is the share F1 rises with.

        F1 of class 1 is 2 share / (1 + share): of the documents that are of the class or are said
        to be, the share that is both.
        """
        right = int((predicted == labels).sum()), len(labels), "documents"
        shares = {"accuracy": right, "f1_micro": right}
        if self.n_classes != 2:
            return shares
        is_positive, is_called_so = labels == 1, predicted == 1
        hits = int((is_positive & is_called_so).sum())
        n_either = int((is_positive | is_called_so).sum())
        return shares | {
            "f1_binary": (hits, n_either, "documents positive or called so"),
            "precision_binary": (hits, int(is_called_so.sum()), "documents called positive"),
            "recall_binary": (hits, int(is_positive.sum()), "positive documents"),
        }


def confusion_matrix(logits: ArrayLike, labels: ArrayLike, *, n_classes: int) -> Ints:
    """Documents of each class (rows) that are said to be of each class (columns); (C, C)."""
    cells = ClassMetrics(n_classes).outcomes(np.asarray(logits), np.asarray(labels, np.int64))
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def rates_by_class(matrix: Ints) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of each class of a confusion matrix; 0 where there is nothing."""
    right, actual, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    parts = (right, predicted), (right, actual), (2 * right, actual + predicted)
    # Where the whole is 0, so is the part.
    precision, recall, f1 = (part / whole.clip(1) for part, whole in parts)
    return precision, recall, f1
