"""Metrics of a classifier, computed from its logits alone.

What right and wrong answers add up to is for the task to say (`tasks/base.py`, `Metrics`).
"""

from collections.abc import Callable
from functools import partial
from math import inf

from numpy.typing import ArrayLike

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.ece import (
    DEFAULT_BINS,
    CalibrationTerms,
    calibration_scores,
    calibration_terms,
    checked,
)
from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.stats import small_samples
from prefprop_cli.stats.intervals import bootstrap_intervals
from prefprop_cli.stats.small_samples import (
    Stated,
    answers_of,
    bootstrap_obstacle,
    too_few_for_bins,
)
from prefprop_cli.tasks.metrics import Metrics

Scores = Callable[..., dict[str, float]]
Terms = tuple[Ints, *CalibrationTerms]


def classification_metrics(
    logits: ArrayLike, labels: ArrayLike, *, metrics: Metrics, n_bins: int = DEFAULT_BINS
) -> dict[str, float]:
    """All metrics of a split.

    Those of the task, and `ece`, `ece_paper`, `mce`, `brier`, `nll`.

    Args:
        logits: (N, C); -inf for a candidate that a document does not have.
        labels: (N,) int, in [0, C).
        metrics: of the task.
        n_bins: bins of `ece` and `mce`; `ece_paper` always has 10.

    Returns:
        Fractions in [0, 1], but `brier` in [0, 2] and `nll` in nats.

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, or a label out of range.
    """
    scores, terms = scores_and_terms(logits, labels, metrics=metrics, n_bins=n_bins)
    return scores(*terms)


def stated_intervals(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    metrics: Metrics,
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
    scores, terms = scores_and_terms(logits, labels, metrics=metrics, n_bins=n_bins)
    answers = answers_of(logits, labels, metrics=metrics)
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


def scores_and_terms(
    logits: ArrayLike, labels: ArrayLike, *, metrics: Metrics, n_bins: int
) -> tuple[Scores, Terms]:
    """All metrics as a function of per-document arrays, and these arrays, which can be resampled.

    `scores(*terms)` are the `classification_metrics`; `scores` of rows drawn from every array of
    `terms`, the same rows, are those of the documents drawn.

    Args:
        logits: (N, C); -inf for a candidate that a document does not have.
        labels: (N,) int, in [0, C).
        metrics: of the task.
        n_bins: bins of `ece` and `mce`; `ece_paper` always has 10.

    Raises:
        DataError: as `classification_metrics`.
    """
    values, names = checked(logits, labels)

    def scores(outcomes: Ints, *terms: *CalibrationTerms) -> dict[str, float]:
        return {**metrics.scores(outcomes), **calibration_scores(*terms, n_bins=n_bins)}

    return scores, (
        metrics.outcomes(values, names),
        *calibration_terms(values, names, n_bins=n_bins),
    )
