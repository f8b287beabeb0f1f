"""Metrics of a classifier, computed from its logits alone.

Where each document brings candidates of its own there are no classes, and with them no precision,
recall or F1.

Precision, recall and F1 come from the confusion matrix, because the bootstrap needs thousands
of them; the numbers are those of scikit-learn with `zero_division=0`.
"""

from collections.abc import Callable
from functools import partial
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.calibration import small_samples
from prefprop_cli.calibration.ece import (
    DEFAULT_BINS,
    CalibrationTerms,
    Floats,
    Ints,
    calibration_scores,
    calibration_terms,
    checked,
)
from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.calibration.small_samples import (
    Answers,
    Stated,
    bootstrap_obstacle,
    too_few_for_bins,
)
from prefprop_cli.errors import DataError
from prefprop_cli.stats.statistics import bootstrap_intervals

LOWER_IS_BETTER = frozenset({"nll", "brier", "ece", "ece_paper", "mce"})

Scores = Callable[..., dict[str, float]]
Terms = tuple[Ints, *CalibrationTerms]


def classification_metrics(
    logits: ArrayLike, labels: ArrayLike, *, n_classes: int | None, n_bins: int = DEFAULT_BINS
) -> dict[str, float]:
    """All metrics of a split.

    `accuracy`, `f1_micro` (equal to it where each document has one label), `f1_macro`,
    `precision_macro`, `recall_macro`; for two classes also `f1_binary`, `precision_binary` and
    `recall_binary` of class 1; `ece`, `ece_paper`, `mce`, `brier`, `nll`. Macro means run over the
    classes that occur among the labels or the predictions; a class that is never predicted
    has precision 0.

    Args:
        logits: (N, n_classes); -inf for a candidate that a document does not have.
        labels: (N,) int, in [0, n_classes).
        n_classes: classes of the model; None for candidates, which give `accuracy` and the
            calibration scores.
        n_bins: bins of `ece` and `mce`; `ece_paper` always has 10.

    Returns:
        Fractions in [0, 1], but `brier` in [0, 2] and `nll` in nats.

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, or a label out of range.
    """
    scores, terms = scores_and_terms(logits, labels, n_classes=n_classes, n_bins=n_bins)
    return scores(*terms)


def stated_intervals(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    n_classes: int | None,
    n_bins: int = DEFAULT_BINS,
    n_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Stated]:
    """For each of `classification_metrics` an interval, or why there is none.

    Wilson's for shares: accuracy, micro F1, precision, recall and F1 of class 1.
    `binned_error_interval` for both ECEs, `mean_interval` for Brier score and NLL, the percentile
    bootstrap for means over classes; none for `mce`, where none is known to hold, and none below
    the sizes of `small_samples`.

    Raises:
        DataError: as `classification_metrics`.
    """
    scores, terms = scores_and_terms(logits, labels, n_classes=n_classes, n_bins=n_bins)
    answers = answers_of(logits, labels, n_classes=n_classes)
    macro = [name for name in scores(*terms) if name.endswith("_macro")]
    stated: dict[str, Stated] = {name: bootstrap_obstacle(name, [answers]) for name in macro}
    bounds = {name: (0.0, 1.0) for name, why in stated.items() if not why}
    resampled = (
        bootstrap_intervals(
            scores, *terms, n_resamples=n_resamples, seed=seed, level=level, bounds=bounds
        )
        if bounds
        else {}
    )
    binned = partial(binned_error_interval, n_resamples=n_resamples, seed=seed, level=level)
    _, index, gap, paper_index, paper_gap, squared_error, log_loss = terms
    too_few = too_few_for_bins(len(gap))
    return {
        **small_samples.shares(answers, level=level),
        **stated,
        **resampled,
        "ece": too_few or binned(index, gap),
        "ece_paper": too_few or binned(paper_index, paper_gap),
        "mce": "none is known that holds",
        "brier": small_samples.mean(squared_error, bounds=(0.0, 2.0), level=level),
        "nll": small_samples.mean(log_loss, bounds=(0.0, inf), level=level),
    }


def answers_of(logits: ArrayLike, labels: ArrayLike, *, n_classes: int | None) -> Answers:
    """What a model predicts, beside the labels."""
    predicted = np.asarray(logits).argmax(axis=1)
    return Answers(np.asarray(labels, np.int64), predicted, n_classes)


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


def scores_and_terms(
    logits: ArrayLike, labels: ArrayLike, *, n_classes: int | None, n_bins: int
) -> tuple[Scores, Terms]:
    """All metrics as a function of per-document arrays, and these arrays, which can be resampled.

    `scores(*terms)` are the `classification_metrics`; `scores` of rows drawn from every array of
    `terms`, the same rows, are those of the documents drawn.

    Args:
        logits: (N, n_classes); -inf for a candidate that a document does not have.
        labels: (N,) int, in [0, n_classes).
        n_classes: classes of the model; None for candidates.
        n_bins: bins of `ece` and `mce`; `ece_paper` always has 10.

    Raises:
        DataError: as `classification_metrics`.
    """
    values, names = checked(logits, labels)
    terms = calibration_terms(values, names, n_bins=n_bins)
    predicted = values.argmax(axis=1)
    if n_classes is None:

        def of_candidates(right: Ints, *terms: *CalibrationTerms) -> dict[str, float]:
            accuracy = float(right.mean())
            return {"accuracy": accuracy, **calibration_scores(*terms, n_bins=n_bins)}

        return of_candidates, ((predicted == names).astype(np.int64), *terms)
    if values.shape[1] != n_classes:
        raise DataError(f"logits have {values.shape[1]} columns, the task {n_classes} classes")

    def of_classes(cell: Ints, *terms: *CalibrationTerms) -> dict[str, float]:
        matrix = np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)
        return {**_confusion_scores(matrix), **calibration_scores(*terms, n_bins=n_bins)}

    return of_classes, (names * n_classes + predicted, *terms)


def confusion_matrix(logits: ArrayLike, labels: ArrayLike, *, n_classes: int) -> Ints:
    """Documents of each class (rows) that are said to be of each class (columns); (C, C)."""
    found = answers_of(logits, labels, n_classes=n_classes)
    cell = found.labels * n_classes + found.predicted
    return np.bincount(cell, minlength=n_classes**2).reshape(n_classes, n_classes)


def rates_by_class(matrix: Ints) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of each class of a confusion matrix; 0 where there is nothing."""
    right, actual, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    return (
        _ratio(right, predicted),
        _ratio(right, actual),
        _ratio(2 * right, actual + predicted),
    )


def _confusion_scores(matrix: Ints) -> dict[str, float]:
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
