"""Metrics of a classifier, of its task and its calibration, computed from its logits alone."""

from collections.abc import Callable
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.bins import DEFAULT_BINS, PAPER_BINS, top_label_gaps
from prefprop_cli.calibration.error_interval import binned_error_interval
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.stats import small_samples
from prefprop_cli.stats.intervals import resample_documents
from prefprop_cli.stats.small_samples import Stated, answers_of, bootstrap_obstacle
from prefprop_cli.tasks.metrics import Metrics

Scores = Callable[..., dict[str, float]]
Terms = tuple[Ints, Ints, Floats, Ints, Floats, Floats, Floats]
"""Of each document: the outcome of its task, bin and gap of `ece` and of `ece_paper`, squared error
and log-loss; (N,) each."""


def classification_metrics(
    logits: ArrayLike, labels: ArrayLike, *, metrics: Metrics, n_bins: int = DEFAULT_BINS
) -> dict[str, float]:
    """Compute the metrics of a split: its task's, `ece`, `ece_paper`, `mce`, `brier` and `nll`.

    Fractions in [0, 1], but `brier` in [0, 2] and `nll` in nats. Logits are (N, C), -inf for a
    candidate that a document does not have; labels (N,) in [0, C). `ece_paper` always has 10 bins.

    Raises:
        DataError: as `Predictions.from_logits`.
    """
    scores, terms = scores_and_terms(logits, labels, metrics=metrics, n_bins=n_bins)
    return scores(*terms)


def scores_and_terms(
    logits: ArrayLike, labels: ArrayLike, *, metrics: Metrics, n_bins: int
) -> tuple[Scores, Terms]:
    """Return all metrics as a function of per-document arrays, and these arrays, to be resampled.

    `scores(*terms)` are the `classification_metrics`; `scores` of rows drawn from every array of
    `terms`, the same rows, are those of the documents drawn.
    """
    predictions = Predictions.from_logits(logits, labels)
    terms = (
        metrics.outcomes(np.asarray(logits), predictions.labels),
        *top_label_gaps(predictions, n_bins=n_bins),
        *top_label_gaps(predictions, n_bins=PAPER_BINS, mode="paper"),
        predictions.squared_errors,
        predictions.log_losses,
    )

    def scores(*drawn: *Terms) -> dict[str, float]:
        outcomes, index, gap, paper_index, paper_gap, squared_error, log_loss = drawn
        errors = np.abs(np.bincount(index, gap, n_bins))
        paper_errors = np.abs(np.bincount(paper_index, paper_gap, PAPER_BINS))
        return {
            **metrics.scores(outcomes),
            "ece": float(errors.sum() / len(index)),
            "ece_paper": float(paper_errors.sum() / len(index)),
            "mce": float((errors / np.bincount(index, minlength=n_bins).clip(1)).max()),
            "brier": float(squared_error.mean()),
            "nll": float(log_loss.mean()),
        }

    return scores, terms


def stated_intervals(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    metrics: Metrics,
    n_bins: int = DEFAULT_BINS,
    n_resamples: int = 2000,
) -> dict[str, Stated]:
    """Find an interval of each of `classification_metrics`, or why there is none.

    Wilson's for shares: accuracy, micro F1, precision, recall and F1 of class 1.
    `calibration_intervals` for the calibration scores, the percentile bootstrap for means over
    classes; none for `mce`, where none is known to hold, and none below the sizes of
    `small_samples`.

    Raises:
        DataError: as `classification_metrics`.
    """
    scores, terms = scores_and_terms(logits, labels, metrics=metrics, n_bins=n_bins)
    answers = answers_of(logits, labels, metrics=metrics)
    macro = [name for name in scores(*terms) if name.endswith("_macro")]
    stated: dict[str, Stated] = {name: bootstrap_obstacle(name, [answers]) for name in macro}
    bounds = {name: (0.0, 1.0) for name, why in stated.items() if not why}
    if bounds:
        drawn = resample_documents(scores, *terms, names=[*bounds], n_resamples=n_resamples)
        stated |= drawn.intervals(bounds)
    predictions = Predictions.from_logits(logits, labels)
    found = calibration_intervals(predictions, n_bins=n_bins, n_resamples=n_resamples)
    return {
        **small_samples.shares(answers),
        **stated,
        "ece": found.pop("ece"),
        "ece_paper": found.pop("ece_paper"),
        "mce": "none is known that holds",
        **found,
    }


def calibration_intervals(
    predictions: Predictions, *, n_bins: int, n_resamples: int
) -> dict[str, Stated]:
    """Find intervals of both ECEs, Brier score and NLL, or why there are none."""
    gaps = {
        "ece": top_label_gaps(predictions, n_bins=n_bins),
        "ece_paper": top_label_gaps(predictions, n_bins=PAPER_BINS, mode="paper"),
    }
    n = len(predictions.labels)
    few = small_samples.too_few(n, "documents", small_samples.LEAST_TRIALS)
    binned: dict[str, Stated] = {
        name: few or binned_error_interval(*each, n_resamples=n_resamples)
        for name, each in gaps.items()
    }
    return {
        **binned,
        "brier": small_samples.mean(predictions.squared_errors, bounds=(0.0, 2.0)),
        "nll": small_samples.mean(predictions.log_losses, bounds=(0.0, inf)),
    }
