"""What a model said of each document and what was true of it: checked, and computed once.

N documents, C classes. The *top label* of a document is the class with the largest probability,
the first of several; its probability is the document's confidence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.errors import DataError

_SUM_TOLERANCE = 1e-2  # bfloat16 probabilities sum to 1 within 4e-3; logits hardly ever do
_BLOCK = 4096  # rows at a time: what they need stays in the cache of a core


@dataclass(frozen=True)
class Predictions:
    """Predictions that have been checked, and what the calibration errors of a split share."""

    probs: Floats
    """(N, C)."""
    labels: Ints
    """(N,)."""
    log_losses: Floats
    """(N,), the -log of the label's probability, in nats."""
    all_classes: bool
    """False where a document lacks a class (a logit of -inf), as the candidates of a question."""

    @classmethod
    def from_logits(cls, logits: ArrayLike, labels: ArrayLike) -> Self:
        """Check logits (N, C) and labels (N,) in [0, C); -inf for a class a document lacks.

        Raises:
            DataError: no rows, shapes that do not fit, a NaN or infinity, a label outside [0, C),
                or a label whose logit is -inf.
        """
        values, names, all_finite = _checked(logits, labels)
        probs, peak, log_total = _normalised(values)
        # The peak is subtracted first: where all logits are equal, so are all losses, exactly.
        return cls(probs, names, log_total - (_at(values, names) - peak), all_finite)

    @classmethod
    def from_probs(cls, probs: ArrayLike, labels: ArrayLike) -> Self:
        """Check probabilities (N, C) and labels (N,); a label of probability 0 has infinite loss.

        Raises:
            DataError: as `from_logits`, a negative probability, or a row that does not sum to 1.
        """
        values, names = checked(probs, labels)
        total = values.sum(axis=1)
        bad = np.flatnonzero((values.min(axis=1) < 0) | (np.abs(total - 1) > _SUM_TOLERANCE))
        if len(bad):
            raise DataError(
                f"{len(bad)} of {len(values)} rows are no probabilities, first row {bad[0]}, whose "
                f"sum is {total[bad[0]]:.6g}. Pass softmax(logits)"
            )
        with np.errstate(divide="ignore"):
            return cls(values, names, -np.log(_at(values, names)), all_classes=True)

    @cached_property
    def confidence(self) -> Floats:
        """Probability of the top label; (N,)."""
        return np.asarray(self.probs.max(axis=1))

    @cached_property
    def right(self) -> Ints:
        """1 where the top label is the true one, else 0; (N,)."""
        return _hits(self.probs, self.labels, np.float64)

    @cached_property
    def float32_right(self) -> Ints:
        """As `right`, of probabilities rounded to float32, in which two classes may be level."""
        return _hits(self.probs, self.labels, np.float32)

    @cached_property
    def squared_errors(self) -> Floats:
        """sum_k (p_k - 1[k = label])² of each document; (N,), in [0, 2]."""
        squares = np.einsum("nc,nc->n", self.probs, self.probs)
        return np.asarray(squares - 2 * _at(self.probs, self.labels) + 1).clip(min=0)


def softmax(logits: ArrayLike) -> Floats:
    """Return probabilities over the last axis, in float64; of (N, C) columns are contiguous."""
    values = np.asarray(logits)
    probs, *_ = _normalised(values.reshape(-1, values.shape[-1]))
    return probs.reshape(values.shape)


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the mean of -log softmax(logits)[label], in nats, from the log-softmax in float64."""
    return float(Predictions.from_logits(logits, labels).log_losses.mean())


def checked(rows: ArrayLike, labels: ArrayLike) -> tuple[Floats, Ints]:
    """Return logits or probabilities (N, C) as float64 and labels (N,) as int64.

    Raises:
        DataError: as `Predictions.from_logits`.
    """
    values, names, _ = _checked(rows, labels)
    return values.astype(np.float64, copy=False), names


def _checked(rows: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.floating], Ints, bool]:
    """Rows in their own precision, labels, and whether every row has every class."""
    values, names = _numbers(rows, "predictions"), _numbers(labels, "labels")
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    if values.ndim != 2 or names.shape != values.shape[:1]:
        raise DataError(
            f"predictions need shape (N, C) and labels (N,); found {values.shape} and {names.shape}"
        )
    if not values.size:
        raise DataError("no predictions to score: the split is empty. Choose another split")
    all_finite = bool(np.isfinite(values).all())
    if not all_finite:
        _refuse_non_finite(values)
    _refuse_other_labels(names, n_classes=values.shape[1])
    names = names.astype(np.int64)
    if not all_finite and np.isneginf(_at(values, names)).any():
        raise DataError("a label is of a class that its row does not have: the logit is -inf")
    return values, names, all_finite


def _numbers(values: ArrayLike, what: str) -> NDArray[Any]:
    """An array of numbers; text is not read as such."""
    try:
        found = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise DataError(f"{what} are no array: {error}") from error
    if found.dtype.kind not in "buif":
        raise DataError(f"{what} are to be numbers; found {found.dtype} ({found.ravel()[:1]})")
    return found


def _refuse_non_finite(values: NDArray[np.floating]) -> None:
    is_number = np.isfinite(values) | np.isneginf(values)
    has_class = np.isfinite(values).any(axis=1)
    bad = np.flatnonzero(~(is_number.all(axis=1) & has_class))
    if len(bad):
        raise DataError(
            f"{len(bad)} of {len(values)} predictions hold NaN or infinity, first in row {bad[0]}. "
            "The model has diverged: use an earlier checkpoint or a lower learning rate"
        )


def _refuse_other_labels(names: NDArray[Any], *, n_classes: int) -> None:
    if names.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(names) | (names != np.floor(names)))
        if len(bad):
            raise DataError(
                f"labels are numbers of classes, whole ones from 0; found {names[bad[0]]} in row "
                f"{bad[0]}"
            )
    if names.min() < 0 or names.max() >= n_classes:
        wrong = names[(names < 0) | (names >= n_classes)][0]
        raise DataError(f"label {wrong} is outside the model's {n_classes} classes")


def _normalised(values: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    """Softmax (N, C), stored class by class; m, the largest logit; and log sum_k exp(z_k - m)."""
    n, n_classes = values.shape
    columns, peak, total = np.empty((n_classes, n)), np.empty(n), np.empty(n)
    for rows in _blocks(n):
        block = values[rows].T.astype(np.float64, order="C")
        block -= block.max(axis=0, out=peak[rows])
        np.exp(block, out=block)
        np.divide(block, block.sum(axis=0, out=total[rows]), out=columns[:, rows])
    return columns.T, peak, np.log(total)


def _hits(probs: Floats, labels: Ints, precision: type[np.floating]) -> Ints:
    right = np.empty(len(labels), np.int64)
    for rows in _blocks(len(labels)):
        right[rows] = probs[rows].astype(precision, order="C").argmax(axis=1) == labels[rows]
    return right


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, n, _BLOCK))


def _at(values: NDArray[np.floating], labels: Ints) -> Floats:
    return np.asarray(values[np.arange(len(labels)), labels], np.float64)
