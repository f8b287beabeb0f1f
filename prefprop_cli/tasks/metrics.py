"""Accuracy, precision, recall and F1, and what is better.

Precision, recall and F1 come from the confusion matrix, because the bootstrap needs thousands
of them; the numbers are those of scikit-learn with `zero_division=0`.
"""

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.errors import DataError

LOWER_IS_BETTER = frozenset({"nll", "brier", "ece", "ece_paper", "mce"})


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


def confusion_matrix(logits: ArrayLike, labels: ArrayLike, *, n_classes: int) -> Ints:
    """Documents of each class (rows) that are said to be of each class (columns); (C, C)."""
    cell = np.asarray(labels, np.int64) * n_classes + np.asarray(logits).argmax(axis=1)
    return np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)


def rates_by_class(matrix: Ints) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of each class of a confusion matrix; 0 where there is nothing."""
    right, actual, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return (
        _ratio(right, predicted),
        _ratio(right, actual),
        _ratio(2 * right, actual + predicted),
    )


def confusion_scores(matrix: Ints) -> dict[str, float]:
    """Scores of a confusion matrix (C, C): rows are labels, columns predictions."""
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
    if len(matrix) == 2:
        scores["f1_binary"] = float(f1[1])
        scores["precision_binary"] = float(precision[1])
        scores["recall_binary"] = float(recall[1])
    return scores


def _ratio(part: Ints, whole: Ints) -> Floats:
    return part / whole.clip(1)  # where the whole is 0, so is the part
