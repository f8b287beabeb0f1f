"""Which method to use: cross-validation on the documents that it is fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.calibrators.base import Calibrator, Identity
from prefprop_cli.calibration.predictions import Predictions, checked
from prefprop_cli.errors import DataError, PrefpropError

N_FOLDS = 5

Method = type[Calibrator]


@dataclass(frozen=True)
class Trial:
    """A method in cross-validation: mean NLL of documents it was not fitted on, in nats."""

    name: str
    nll: float
    se: float
    """Standard error of `nll` over documents."""
    beaten_by: str | None
    """The method that does better by more than one standard error, and most; None if none does."""
    behind: float
    """How much better that one does; 0 if none does."""
    behind_se: float
    """Standard error of the difference, document by document."""


def cross_validate(
    methods: Sequence[Method], logits: Floats, labels: Ints, *, seed: int = 0
) -> tuple[tuple[Trial, ...], dict[str, str]]:
    """Try methods on documents that they were not fitted on, in stratified folds.

    Two methods are compared by the differences of their losses, document by document, which
    scatter far less than the losses themselves. A method whose fit fails, in a fold or on all
    documents, is out: returned are a trial for each of the others, in their order, and by name why
    these are out. Logits are (N, C), N ≥ 2, labels (N,).
    """
    losses, failures = {}, {}
    for method in methods:
        try:
            method.fit(logits, labels)
            held_out = _held_out_logits(method, logits, labels, seed=seed)
            losses[method.name] = Predictions.from_logits(held_out, labels).log_losses
        except PrefpropError as error:
            failures[method.name] = str(error).partition(". ")[0]  # advice is for one by name
    return tuple(_trial(name, losses) for name in losses), failures


def cross_calibrated(
    method: Method, logits: ArrayLike, labels: ArrayLike, *, seed: int = 0
) -> Floats:
    """Calibrate documents that there are no others for to fit on: each fold by the other folds.

    Calibrated logits (N, C) are finite wherever the logits are.

    Raises:
        DataError: as `Calibrator.fit`, or there is one document only.
        UsageError: the method needs classes, and there are none, or only one.
    """
    values, names = checked(logits, labels)
    if len(names) == 1:
        raise DataError("one document cannot be calibrated by others. Report on another split")
    return _held_out_logits(method, values, names, seed=seed)


def settled(found: Calibrator) -> Calibrator:
    """Return the calibrator, or none where the documents do not determine it."""
    return Identity() if found.unsettled else found


def stratified_folds(labels: Ints, *, seed: int) -> Ints:
    """Deal each class out in turn, in random order, to five folds or N: each document's, (N,)."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % min(N_FOLDS, len(labels))
    return folds


def _held_out_logits(method: Method, logits: Floats, labels: Ints, *, seed: int) -> Floats:
    fold = stratified_folds(labels, seed=seed)
    found = np.empty_like(logits)
    for held_out in (fold == number for number in np.unique(fold)):
        calibrator = settled(method.fit(logits[~held_out], labels[~held_out]))
        found[held_out] = calibrator.logits(logits[held_out])
    return found


def _trial(name: str, losses: Mapping[str, Floats]) -> Trial:
    own = losses[name]
    gains = {other: _mean_and_se(own - loss) for other, loss in losses.items()}
    rival, (behind, error) = max(gains.items(), key=lambda item: item[1][0] - item[1][1])
    if behind <= error:
        return Trial(name, *_mean_and_se(own), beaten_by=None, behind=0.0, behind_se=0.0)
    return Trial(name, *_mean_and_se(own), beaten_by=rival, behind=behind, behind_se=error)


def _mean_and_se(values: Floats) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1)) / sqrt(len(values))
