"""Calibration of parts of a split: class by class, and by length of document.

A slice of few documents has a large ECE whatever the model; read it beside the mean of its null.
Rows are as many tests: correct their p-values with `seeds.holm` before calling one of them
miscalibrated.

Axes: N documents, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import nan

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Flags, Ints
from prefprop_cli.calibration.binning import DEFAULT_BINS, width_sums
from prefprop_cli.calibration.null import expected_null_error
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import DataError
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.small_samples import given, share

NULL_RESAMPLES = 200
"""Draws behind each null; p-values are multiples of 1/201."""


@dataclass(frozen=True)
class Slice:
    """Calibration of some documents of a split; of no documents, figures are NaN and None.

    Attributes:
        name: of the slice.
        n: documents.
        share: of all documents of the split.
        accuracy: share of them that is right.
        interval: Wilson's, of the accuracy; None of one document.
        confidence: mean probability of the predicted class.
        gap: confidence - accuracy; above 0 the model is overconfident.
        ece: of equal-width bins.
        null_mean: mean ECE of a perfectly calibrated model with these confidences.
        p_value: chance that such a model has at least this ECE.
    """

    name: str
    n: int
    share: float
    accuracy: float
    interval: Interval | None
    confidence: float
    gap: float
    ece: float
    null_mean: float
    p_value: float


@dataclass(frozen=True)
class ClassSlice:
    """One class from both sides; without documents of the class, recall is NaN, interval None.

    Attributes:
        name: of the class.
        n: documents of the class.
        share: of all documents of the split.
        recall: share of them that is predicted.
        interval: Wilson's, of the recall; None of one document.
        predicted: the documents that are predicted to be of the class; their accuracy is its
            precision.
    """

    name: str
    n: int
    share: float
    recall: float
    interval: Interval | None
    predicted: Slice


def class_slices(
    predictions: Predictions,
    *,
    names: Sequence[str],
    n_bins: int = DEFAULT_BINS,
    n_resamples: int = NULL_RESAMPLES,
    seed: int = 0,
) -> list[ClassSlice]:
    """Recall, precision and calibration of every class, those that do not occur among them.

    Args:
        predictions: of N documents.
        names: of the C classes.
        n_bins: of the ECE.
        n_resamples: draws behind each null.
        seed: of the draws.

    Returns:
        C rows, in the order of the classes.

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
    part = partial(_slice, predictions, n_bins=n_bins, n_resamples=n_resamples, seed=seed)
    return [
        ClassSlice(name, *_rate(predictions, labels == k), predicted=part(name, top == k))
        for k, name in enumerate(names)
    ]


def length_slices(
    predictions: Predictions,
    n_tokens: ArrayLike,
    *,
    edges: Sequence[int] | None = None,
    n_bins: int = DEFAULT_BINS,
    n_resamples: int = NULL_RESAMPLES,
    seed: int = 0,
) -> list[Slice]:
    """Calibration of documents by length.

    Args:
        predictions: of N documents.
        n_tokens: (N,) int, their lengths.
        edges: the last length of every slice but the longest; the quartiles of the lengths,
            rounded to two digits, if None.
        n_bins: of the ECE.
        n_resamples: draws behind each null.
        seed: of the draws.

    Returns:
        Slices that hold documents, shortest first ("up to 210", "211 to 1000", "over 1000"), then
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
    cuts = np.unique(_quartiles(lengths) if edges is None else np.asarray(edges, np.int64))
    place = np.searchsorted(cuts, lengths, "left")
    part = partial(_slice, predictions, n_bins=n_bins, n_resamples=n_resamples, seed=seed)
    filled = np.unique(place).tolist()
    chosen = {_name(cuts, k): place == k for k in filled} if len(filled) > 1 else {}
    chosen["all"] = np.ones(len(lengths), np.bool_)
    return [part(name, documents) for name, documents in chosen.items()]


def _slice(
    predictions: Predictions,
    name: str,
    chosen: Flags,
    *,
    n_bins: int,
    n_resamples: int,
    seed: int,
) -> Slice:
    n, share, accuracy, interval = _rate(predictions, chosen)
    if not n:
        return Slice(name, n, share, accuracy, interval, nan, nan, nan, nan, nan)
    confidence, right = predictions.confidence[chosen], predictions.right[chosen]
    ece = width_sums(confidence, right, n_bins=n_bins, mode="guo").expected_error
    null = expected_null_error(
        predictions.probs[chosen], n_bins=n_bins, n_resamples=n_resamples, seed=seed
    )
    mean = float(confidence.mean())
    p_value = null.p_value(ece)
    return Slice(name, n, share, accuracy, interval, mean, mean - accuracy, ece, null.mean, p_value)


def _rate(predictions: Predictions, chosen: Flags) -> tuple[int, float, float, Interval | None]:
    """Documents chosen, their share of all, the share of them that is right, its interval."""
    n, n_right = int(chosen.sum()), int(predictions.right[chosen].sum())
    if not n:
        return 0, 0.0, nan, None
    return n, n / len(chosen), n_right / n, given(share(n_right, n, of="documents"))


def _quartiles(lengths: Ints) -> Ints:
    """Rounded to two digits, as 1034 to 1000."""
    found = np.quantile(lengths, [0.25, 0.5, 0.75])
    return np.array([float(f"{length:.2g}") for length in found], np.int64)


def _name(cuts: Ints, place: int) -> str:
    if place == 0:
        return f"up to {cuts[0]}"
    if place == len(cuts):
        return f"over {cuts[-1]}"
    return f"{cuts[place - 1] + 1} to {cuts[place]}"
