"""A metric of a variant, or the difference of two, over seeds and documents, with its interval.

Where a sample is too small for an interval there is none, but a sentence that says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from prefprop_cli.calibration.error_difference import Gaps, error_difference
from prefprop_cli.stats.intervals import Interval, Resampled
from prefprop_cli.stats.nested import Difference, nested_differences
from prefprop_cli.stats.seeds import Summary, summary
from prefprop_cli.stats.small_samples import (
    Answers,
    bootstrap_obstacle,
    difference_obstacle,
    given,
    shares,
)

UNBOUNDED = ("nll",)


@dataclass(frozen=True)
class Estimate:
    """A metric of one variant."""

    seeds: Summary
    """n, mean, standard deviation and the t-interval of the mean over seeds."""
    overall: Interval | None
    """The interval over seeds and documents; see `difference`."""
    why: str = ""
    """What keeps `overall` from being given, if it is not."""


@dataclass(frozen=True)
class Seed:
    """One model on the documents of a set."""

    figures: Resampled
    """Its metrics, and those of resampled documents."""
    gaps: Mapping[str, Gaps]
    """Of the binned errors among them, which no bootstrap gets right."""
    answers: Answers
    """What it predicts."""

    def __getitem__(self, metric: str) -> float:
        return self.figures[metric]


def estimates_of(seeds: Sequence[Seed]) -> dict[str, Estimate]:
    """The metrics of models that differ in their seed, by name."""
    return {name: _estimate(seeds, name) for name in seeds[0].figures.names}


def difference(first: Sequence[Seed], second: Sequence[Seed], metric: str) -> Difference | str:
    """First - second in the mean of a metric, over seeds and documents, or why there is none.

    The nested paired bootstrap, but for binned errors what `error_difference` puts in its place.
    """
    answers = [[seed.answers for seed in seeds] for seeds in (first, second)]
    if why := difference_obstacle(metric, *answers):
        return why
    found = _difference(first, second, metric)
    return found if found.interval.low < found.interval.high else "the two do not differ at all"


def _estimate(seeds: Sequence[Seed], metric: str) -> Estimate:
    most = inf if metric in UNBOUNDED else 1.0
    found = summary([each[metric] for each in seeds], bounds=(0.0, most))
    answers = [seed.answers for seed in seeds]
    if len(seeds) == 1 and metric in (stated := shares(answers[0])):
        exact = given(stated[metric])
        return Estimate(found, exact, "" if exact else str(stated[metric]))
    if why := bootstrap_obstacle(metric, answers):
        return Estimate(found, None, why)
    overall = _difference(seeds, (), metric).interval
    if overall.low == overall.high:
        return Estimate(found, None, "it is the same for all documents")
    return Estimate(found, overall)


def _difference(first: Sequence[Seed], second: Sequence[Seed], metric: str) -> Difference:
    """First - second, or the first alone where there is no second."""
    if metric in first[0].gaps:
        return error_difference(
            [seed.gaps[metric] for seed in first],
            [seed.gaps[metric] for seed in second],
            n_resamples=len(first[0].figures.samples),
        )
    most = inf if metric in UNBOUNDED else 1.0
    figures = ([seed.figures for seed in seeds] for seeds in (first, second))
    bounds = {metric: (-most if second else 0.0, most)}
    return nested_differences(*figures, bounds=bounds)[metric]
