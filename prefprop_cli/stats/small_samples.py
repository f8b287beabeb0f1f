"""Where a sample is too small for an interval or a p-value: what it lacks, in place of a figure.

Each kind of interval has a size below which it does not hold; the sizes and how they were found
are in `docs/decisions/0012-small-samples.md`. A figure with "95 %" beside it that all resamples
agree on claims a certainty that no sample gives.

N documents, S models that differ in their seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Flags, Floats, Ints
from prefprop_cli.stats.intervals import Interval, mean_interval, wilson_interval
from prefprop_cli.tasks.metrics import Metrics

LEAST_TRIALS = 2
"""Documents behind a share or a binned error; of one nothing can be said."""
LEAST_MEAN = 20
"""Documents behind the mean of a loss, which is skewed."""
LEAST_OF_CLASS = 10
"""Documents of each class that an F1, or what is resampled, turns on."""
LEAST_EITHER_WAY = 5
"""Documents that are right, and that are wrong, among those that are resampled."""
LEAST_DISCORDANT = 10
"""Documents on which two methods differ."""

MEANS = ("brier", "nll")
BINNED = ("ece", "ece_paper")
_SHARES = ("accuracy", "f1_micro")
_LEAST = {**dict.fromkeys(MEANS, LEAST_MEAN), **dict.fromkeys(BINNED, LEAST_TRIALS)}

Stated = Interval | str
"""An interval, or why there is none."""


@dataclass(frozen=True)
class Answers:
    """What a model said of each document, (N,), beside its label, and the metrics of the task."""

    labels: Ints
    predicted: Ints
    metrics: Metrics


def answers_of(logits: ArrayLike, labels: ArrayLike, *, metrics: Metrics) -> Answers:
    """Return what a model predicts, beside the labels."""
    predicted = np.asarray(logits).argmax(axis=1)
    return Answers(np.asarray(labels, np.int64), predicted, metrics)


def given(stated: Stated) -> Interval | None:
    """Return the interval, if there is one."""
    return stated if isinstance(stated, Interval) else None


def too_few(count: int, what: str, least: int) -> str:
    """Say what is lacking; nothing, if there are enough."""
    if count >= least:
        return ""
    counted = what.replace("documents", "document") if count == 1 else what
    return f"{count} {counted}, at least {least} are needed"


def share(successes: int, trials: int, *, of: str) -> Stated:
    """Find Wilson's interval of a share of so many trials; `of` names them, e.g. "documents"."""
    return too_few(trials, of, LEAST_TRIALS) or wilson_interval(successes, trials)


def shares(answers: Answers) -> dict[str, Stated]:
    """Find intervals of the metrics of a task that are a share of documents, or rise with one."""
    found = answers.metrics.shares(answers.labels, answers.predicted)
    stated = {name: share(hits, trials, of=of) for name, (hits, trials, of) in found.items()}
    if both := given(stated.get("f1_binary", "")):
        low, high = (2 * end / (1 + end) for end in (both.low, both.high))
        stated["f1_binary"] = Interval(low, high, both.level)
    return stated


def mean(values: Floats, *, bounds: tuple[float, float]) -> Stated:
    """Find the interval of the mean of enough losses that differ."""
    if why := too_few(len(values), "documents", LEAST_MEAN):
        return why
    found = mean_interval(values, bounds=bounds)
    return found if found.low < found.high else "it is the same for all documents"


def bootstrap_obstacle(metric: str, models: Sequence[Answers]) -> str:
    """Say why resampled documents give no interval of a metric; empty where they do.

    Too few documents; too few of a class that the metric turns on; or too few that are right, or
    wrong: resamples without any look like certainty.
    """
    labels = models[0].labels
    few = too_few(len(labels), "documents", _LEAST.get(metric, LEAST_TRIALS))
    if few or metric in _LEAST:
        return few
    if metric in ("f1_binary", "recall_binary"):
        few = too_few(int((labels == 1).sum()), "positive documents", LEAST_OF_CLASS)
    elif metric.endswith("_macro"):
        occurring = np.unique([labels, *(each.predicted for each in models)])
        rarest = min(int((labels == k).sum()) for k in occurring)
        few = too_few(rarest, "documents of the rarest class", LEAST_OF_CLASS)
    chosen = _relevant(metric, models)
    right = np.array([each.predicted == each.labels for each in models])
    for what, found in (("right", right), ("wrong", ~right)):
        count = int((found.any(axis=0) & chosen).sum())
        few = few or too_few(count, f"{what} documents among those that count", LEAST_EITHER_WAY)
    return few


def difference_obstacle(metric: str, first: Sequence[Answers], second: Sequence[Answers]) -> str:
    """Say why the difference of two methods has no interval and no p-value; empty where it has.

    Each is given by its seeds, on the same documents.
    """
    n = len(first[0].labels)
    if metric in _LEAST:
        return too_few(n, "documents", _LEAST[metric])
    answers = [
        np.array([e.predicted == e.labels if metric in _SHARES else e.predicted for e in models])
        for models in (first, second)
    ]
    values = np.unique(np.concatenate(answers))
    counts = [np.array([(each == value).sum(axis=0) for value in values]) for each in answers]
    differ = (counts[0] * len(second) != counts[1] * len(first)).any(axis=0)
    n_discordant = int((differ & _relevant(metric, [*first, *second])).sum())
    if n_discordant >= LEAST_DISCORDANT:
        return ""
    return (
        f"the two differ on {n_discordant} of {n} documents, at least {LEAST_DISCORDANT} are needed"
    )


def _relevant(metric: str, models: Sequence[Answers]) -> Flags:
    """Documents on which a metric depends, (N,)."""
    is_positive = models[0].labels == 1
    is_called_so = np.any([each.predicted == 1 for each in models], axis=0)
    relevant: dict[str, Flags] = {
        "recall_binary": is_positive,
        "precision_binary": is_called_so,
        "f1_binary": is_positive | is_called_so,
    }
    return relevant.get(metric, np.ones(len(is_positive), np.bool_))
