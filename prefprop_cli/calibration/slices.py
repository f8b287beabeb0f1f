"""Calibration of parts of a split: class by class, and by length of document.

A slice of few documents has a large ECE whatever the model; read it beside the mean of its null.
Rows are as many tests: correct their p-values with `seeds.holm` before calling one of them
miscalibrated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Flags, Ints
from prefprop_cli.calibration.bins import width_bins
from prefprop_cli.calibration.null import NullSummary, expected_null_error
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.small_samples import given, share

NULL_RESAMPLES = 200
"""Draws behind each null; p-values are multiples of 1/201."""


@dataclass(frozen=True)
class Slice:
    """Calibration of n documents of a split; of no documents, figures are NaN and None."""

    name: str
    n: int
    share: float
    """Of all documents of the split."""
    accuracy: float
    interval: Interval | None
    """Wilson's, of the accuracy; None of one document."""
    confidence: float
    """Mean probability of the predicted class."""
    gap: float
    """confidence - accuracy; above 0 the model is overconfident."""
    ece: float
    """Of equal-width bins."""
    null_mean: float
    """Mean ECE of a perfectly calibrated model with these confidences."""
    p_value: float
    """Chance that such a model has at least this ECE."""


@dataclass(frozen=True)
class ClassSlice:
    """A class of n documents from both sides; without any, recall is NaN and interval None."""

    name: str
    n: int
    share: float
    recall: float
    interval: Interval | None
    """Wilson's, of the recall; None of one document."""
    predicted: Slice
    """Documents that are predicted to be of the class; their accuracy is its precision."""


def class_slices(
    predictions: Predictions, *, names: Sequence[str], n_bins: int
) -> list[ClassSlice]:
    """Measure recall, precision and calibration of each of the C named classes, in their order.

    Raises:
        DataError: names and classes differ in number, or a document lacks a class.
    """
    probs, labels = predictions.probs, predictions.labels
    if not predictions.all_classes or len(names) != probs.shape[1]:
        raise DataError(
            f"a table by class was asked for, with {len(names)} names of classes; found "
            f"{probs.shape[1]} columns of logits, some of them -inf: {not predictions.all_classes}."
            " Candidates of a question are no classes; classes need one name each"
        )
    top = probs.argmax(axis=1)
    return [
        ClassSlice(
            name,
            *_rate(predictions, labels == k),
            predicted=_slice(predictions, name, top == k, n_bins=n_bins),
        )
        for k, name in enumerate(names)
    ]


def length_slices(predictions: Predictions, n_tokens: ArrayLike, *, n_bins: int) -> list[Slice]:
    """Measure calibration by length (N,), cut at the quartiles, to two digits.

    Slices that hold documents come shortest first ("up to 210", "211 to 1000", "over 1000"), then
    "all"; only that one where all would be in one slice.

    Raises:
        DataError: lengths that are no integers, or differ in number from the documents.
    """
    lengths = np.asarray(n_tokens)
    if lengths.shape != predictions.labels.shape or lengths.dtype.kind not in "iu":
        raise DataError(
            f"slices by length need an integer for each of {len(predictions.labels)} documents; "
            f"found {lengths.dtype} of shape {lengths.shape}"
        )
    quartiles = np.quantile(lengths, [0.25, 0.5, 0.75])
    cuts = np.unique(np.array([float(f"{cut:.2g}") for cut in quartiles], np.int64))
    place = np.searchsorted(cuts, lengths, "left")
    filled = np.unique(place).tolist()
    chosen = {_name(cuts, k): place == k for k in filled} if len(filled) > 1 else {}
    chosen["all"] = np.ones(len(lengths), np.bool_)
    return [_slice(predictions, name, rows, n_bins=n_bins) for name, rows in chosen.items()]


def _slice(predictions: Predictions, name: str, chosen: Flags, *, n_bins: int) -> Slice:
    n, share, accuracy, interval = _rate(predictions, chosen)
    if not n:
        return Slice(name, n, share, accuracy, interval, nan, nan, nan, nan, nan)
    confidence = predictions.confidence[chosen]
    index, claim = width_bins(confidence, n_bins=n_bins)
    ece = float(np.abs(np.bincount(index, predictions.right[chosen] - claim, n_bins)).sum() / n)
    errors = expected_null_error(confidence, n_bins=n_bins, n_resamples=NULL_RESAMPLES)
    null, mean = NullSummary.of(errors, observed=ece), float(confidence.mean())
    gap = mean - accuracy
    return Slice(name, n, share, accuracy, interval, mean, gap, ece, null.mean, null.p_value)


def _rate(predictions: Predictions, chosen: Flags) -> tuple[int, float, float, Interval | None]:
    """Documents chosen, their share of all, the share of them that is right, its interval."""
    n, n_right = int(chosen.sum()), int(predictions.right[chosen].sum())
    if not n:
        return 0, 0.0, nan, None
    return n, n / len(chosen), n_right / n, given(share(n_right, n, of="documents"))


def _name(cuts: Ints, place: int) -> str:
    if place == 0:
        return f"up to {cuts[0]}"
    if place == len(cuts):
        return f"over {cuts[-1]}"
    return f"{cuts[place - 1] + 1} to {cuts[place]}"
