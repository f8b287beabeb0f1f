"""The figures of each variant on a split: of its seeds, their mean, and intervals of two kinds.

Where a sample is too small for an interval there is none, but a sentence that says why.
Axes: N documents, C classes or candidates.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from math import inf

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.error_difference import Gaps, error_difference
from prefprop_cli.calibration.metrics import scores_and_terms
from prefprop_cli.config.schema import EvalTable
from prefprop_cli.data.labels import positive_class
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.evaluate import Machine, logits_of
from prefprop_cli.experiment.stored_logits import is_stored, load_logits
from prefprop_cli.notes import note, progress
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.groups import DataSet, Variant
from prefprop_cli.report.paper import paper_columns, paper_figures
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats import small_samples as small
from prefprop_cli.stats.intervals import Interval, Resampled, resample_documents
from prefprop_cli.stats.nested import Difference, nested_differences
from prefprop_cli.stats.seeds import Summary, summary
from prefprop_cli.tables import TASKS
from prefprop_cli.tasks.base import Task
from prefprop_cli.tasks.metrics import Metrics

CALIBRATION = ("ece", "ece_paper", "nll")
UNBOUNDED = ("nll",)
Calibrated = Callable[[FinishedRun, NDArray[np.float32]], NDArray[np.floating]]


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
    answers: small.Answers

    def __getitem__(self, metric: str) -> float:
        return self.figures[metric]


@dataclass(frozen=True)
class ScoredVariant(Variant):
    """A variant with its figures on a split."""

    seeds: tuple[Seed, ...] = ()
    logits: tuple[NDArray[np.floating], ...] = ()
    paper: Mapping[str, float] = field(default_factory=dict)
    """The paper's figures for this set and method; may be empty."""

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Of each metric, by its name."""
        return estimates_of(self.seeds)

    def mean(self, metric: str) -> float:
        """Return the mean over seeds."""
        return self.estimates[metric].seeds.mean

    def values(self, metric: str) -> list[float]:
        """Return the figure of each seed."""
        return [each[metric] for each in self.seeds]


@dataclass(frozen=True)
class ScoredSet:
    """A data set with the figures of its variants on a split."""

    data: DataSet
    split: str
    positive: str | None
    """The class that precision, recall and F1 are of; None where it is not one."""
    ids: tuple[str, ...]
    """Of the N documents."""
    labels: Ints
    n_classes: int | None
    """C; None where the task has none."""
    settings: EvalTable
    """Bins and resamples."""
    variants: tuple[ScoredVariant, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Metrics of the paper's table 2, the one that decides last."""
        return paper_columns(self.data.set)

    @property
    def task(self) -> Task:
        """What its runs were trained for."""
        return TASKS[self.data.runs[0].config.data.task]

    @property
    def metrics(self) -> Metrics:
        return self.task.metrics(self.n_classes or 0)

    @property
    def metric(self) -> str:
        """The one that decides: F1, or accuracy where there is none."""
        return self.columns[-1]

    @property
    def shown(self) -> tuple[str, ...]:
        """Metrics of our table 2: where F1 is of one class, accuracy as well."""
        return (*self.columns, "accuracy") if self.metric == "f1_binary" else self.columns


def evaluate_missing(
    runs: Iterable[RunFolder], split: str, *, machine: Machine = Machine()
) -> None:
    """Evaluate the runs that never were on this split, or on validation, which tells their task."""
    missing = [
        (run, name)
        for run in runs
        for name in dict.fromkeys((split, "validation"))
        if not is_stored(run.evaluation, name)
    ]
    for number, (run, name) in enumerate(missing, start=1):
        note(f"evaluating {run.path} on {name} ({number} of {len(missing)})")
        logits_of(run, name, machine=machine)


@contextmanager
def counting(runs: Sequence[FinishedRun]) -> Iterator[Callable[[], None]]:
    """Let it be heard how many of the runs are scored; yield what counts one."""
    numbers = count(1)
    with progress(total=len(runs), label="run") as update:
        yield lambda: update(next(numbers))


def score(
    data: DataSet,
    split: str,
    *,
    settings: EvalTable | None = None,
    calibrated: Calibrated | None = None,
    on_run: Callable[[], object] = lambda: None,
) -> ScoredSet:
    """Score the variants of a data set on a split, from the logits that its runs have stored.

    `settings`, bins and resamples, are the first run's by default; `calibrated` takes a run and its
    logits (N, C) and gives calibrated ones; `on_run` is called after each run.

    Raises:
        UsageError: a run was not evaluated on the split.
        CorruptFileError: its logits are damaged.
        DataError: runs were evaluated on different documents, or predictions cannot be scored.
    """
    run = data.runs[0]
    first = load_logits(run.folder.evaluation, split)
    has_classes = TASKS[run.config.data.task].has_classes
    scored = ScoredSet(
        data=data,
        split=split,
        positive=_positive(run),
        ids=first.ids,
        labels=first.labels,
        n_classes=first.logits.shape[1] if has_classes else None,
        settings=settings or run.config.eval,
        variants=(),
    )

    variants = []
    for variant in data.variants:
        logits, seeds = [], []
        for run in variant.runs:
            found = _logits(run, scored)
            logits.append(calibrated(run, found) if calibrated else found)
            seeds.append(seed_of(logits[-1], scored))
            on_run()
        paper = paper_figures(data.set, variant.method)
        of = (variant.method, variant.settings, variant.runs, variant.own)
        variants.append(ScoredVariant(*of, tuple(seeds), tuple(logits), paper))
    return replace(scored, variants=tuple(variants))


def seed_of(logits: NDArray[np.generic], scored: ScoredSet) -> Seed:
    """Score one model on the set's documents: metrics of table 2, and of calibration."""
    statistics, terms = scores_and_terms(
        logits, scored.labels, metrics=scored.metrics, n_bins=scored.settings.bins
    )
    names = (*scored.shown, *CALIBRATION)
    figures = resample_documents(
        statistics, *terms, names=names, n_resamples=scored.settings.resamples
    )
    _, index, gap, paper_index, paper_gap, *_ = terms
    gaps = {"ece": (index, gap), "ece_paper": (paper_index, paper_gap)}
    return Seed(figures, gaps, small.answers_of(logits, scored.labels, metrics=scored.metrics))


def estimates_of(seeds: Sequence[Seed]) -> dict[str, Estimate]:
    """Estimate the metrics of models that differ in their seed, by name."""
    return {name: _estimate(seeds, name) for name in seeds[0].figures.names}


def difference(first: Sequence[Seed], second: Sequence[Seed], metric: str) -> Difference | str:
    """Estimate first - second in the mean of a metric, or say why that cannot be.

    The nested paired bootstrap, but for binned errors what `error_difference` puts in its place.
    """
    answers = [[seed.answers for seed in seeds] for seeds in (first, second)]
    if why := small.difference_obstacle(metric, *answers):
        return why
    found = _difference(first, second, metric)
    return found if found.interval.low < found.interval.high else "the two do not differ at all"


def _estimate(seeds: Sequence[Seed], metric: str) -> Estimate:
    most = inf if metric in UNBOUNDED else 1.0
    found = summary([each[metric] for each in seeds], bounds=(0.0, most))
    answers = [seed.answers for seed in seeds]
    if len(seeds) == 1 and metric in (stated := small.shares(answers[0])):
        exact = small.given(stated[metric])
        return Estimate(found, exact, "" if exact else str(stated[metric]))
    if why := small.bootstrap_obstacle(metric, answers):
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


def _positive(run: FinishedRun) -> str | None:
    """The second of two classes by its name, or number where it is lost."""
    try:
        labels = read_adapter(run.folder.adapter).labels
    except PrefpropError:
        return "1"
    return positive_class(labels)


def _logits(run: FinishedRun, scored: ScoredSet) -> NDArray[np.float32]:
    found = load_logits(run.folder.evaluation, scored.split)
    if found.ids != scored.ids or not np.array_equal(found.labels, scored.labels):
        raise DataError(
            f"{run.folder.path} was evaluated on other documents of {scored.split} than the runs "
            f"beside it ({len(found.ids)} and {len(scored.ids)}), though on the same ones of "
            f"validation. Delete eval/{scored.split}.safetensors where it is out of date"
        )
    return found.logits
