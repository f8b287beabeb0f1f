"""The figures of each line on a split: of its seeds, their mean, and intervals of two kinds.

Axes: N documents, C classes or candidates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.bench.paper import paper_columns, paper_figures
from prefprop_cli.calibration.metrics import scores_and_terms
from prefprop_cli.config.schema import Config, EvalTable
from prefprop_cli.data.labels import positive_class
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.stored_logits import SavedLogits, load_logits
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.estimates import Estimate, Seed, estimates_of
from prefprop_cli.report.groups import DataSet, Line
from prefprop_cli.report.methods import backbone_name, has_papers_backbone
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats.intervals import resample_documents
from prefprop_cli.stats.small_samples import answers_of
from prefprop_cli.tables import TASKS
from prefprop_cli.tasks.base import Task
from prefprop_cli.tasks.metrics import Metrics

CALIBRATION = ("ece", "ece_paper", "nll")
Calibrated = Callable[[FinishedRun, NDArray[np.float32]], NDArray[np.floating]]


@dataclass(frozen=True)
class ScoredLine:
    """A line with its figures on a split."""

    line: Line
    seeds: tuple[Seed, ...]
    """Of each run, in its order."""
    logits: tuple[NDArray[np.floating], ...]
    paper: Mapping[str, float]
    """The paper's figures for this set and method; may be empty."""

    @property
    def name(self) -> str:
        return self.line.name

    @property
    def config(self) -> Config:
        """Of its first run."""
        return self.line.runs[0].config

    @property
    def backbone(self) -> str:
        """Its name, and what was made of it."""
        to_long = self.config.model.to_long
        name = backbone_name(self.config)
        return name if to_long is None else f"{name} as a Longformer of {to_long} positions"

    @property
    def on_papers_backbone(self) -> bool:
        return has_papers_backbone(self.config)

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """By metric."""
        return estimates_of(self.seeds)

    def values(self, metric: str) -> list[float]:
        """Of each seed."""
        return [each[metric] for each in self.seeds]


@dataclass(frozen=True)
class ScoredSet:
    """A data set with the figures of its lines on a split.

    Attributes:
        data: the set.
        split: whose figures these are.
        columns: metrics of the paper's table 2, the one that decides last.
        positive: the class that precision, recall and F1 are of; None where it is not one.
        ids: the documents, N.
        labels: theirs, (N,).
        n_classes: C; None where the task has none.
        settings: bins and resamples.
        lines: as in `data`.
    """

    data: DataSet
    split: str
    columns: tuple[str, ...]
    positive: str | None
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    n_classes: int | None
    settings: EvalTable
    lines: tuple[ScoredLine, ...]

    @property
    def task(self) -> Task:
        """What its runs were trained for."""
        return TASKS[self.data.lines[0].runs[0].config.data.task]

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


def score(
    data: DataSet,
    split: str,
    *,
    settings: EvalTable | None = None,
    calibrated: Calibrated | None = None,
    told: Callable[[], None] = lambda: None,
) -> ScoredSet:
    """Score the lines of a data set on a split, from the logits that its runs have stored.

    Args:
        data: the set.
        split: of its documents.
        settings: bins and resamples; default: the first run's.
        calibrated: a run and its logits (N, C) → calibrated ones; default: as they are.
        told: called after each run.

    Raises:
        UsageError: a run was not evaluated on the split.
        CorruptFileError: its logits are damaged.
        DataError: runs were evaluated on different documents, or predictions cannot be scored.
    """
    first = load_logits(data.lines[0].runs[0].folder.evaluation, split)
    task = TASKS[data.lines[0].runs[0].config.data.task]
    scored = ScoredSet(
        data=data,
        split=split,
        columns=paper_columns(data.set),
        positive=_positive(data.lines[0].runs[0].folder),
        ids=first.ids,
        labels=first.labels,
        n_classes=first.logits.shape[1] if task.has_classes else None,
        settings=settings or data.lines[0].runs[0].config.eval,
        lines=(),
    )
    lines = (_scored_line(line, scored, calibrated, told) for line in data.lines)
    return replace(scored, lines=tuple(lines))


def seed_of(logits: NDArray[np.generic], scored: ScoredSet) -> Seed:
    """The metrics of table 2 and the calibration scores of one model on the set's documents."""
    statistics, terms = scores_and_terms(
        logits, scored.labels, metrics=scored.metrics, n_bins=scored.settings.bins
    )
    names = (*scored.shown, *CALIBRATION)
    figures = resample_documents(
        statistics, *terms, names=names, n_resamples=scored.settings.resamples
    )
    _, index, gap, paper_index, paper_gap, *_ = terms
    gaps = {"ece": (index, gap), "ece_paper": (paper_index, paper_gap)}
    return Seed(figures, gaps, answers_of(logits, scored.labels, metrics=scored.metrics))


def _positive(folder: RunFolder) -> str | None:
    """The second of two classes, by its name, or number where the name is lost."""
    try:
        labels = read_adapter(folder.adapter).labels
    except PrefpropError:
        return "1"
    return positive_class(labels)


def _scored_line(
    line: Line, scored: ScoredSet, calibrated: Calibrated | None, told: Callable[[], None]
) -> ScoredLine:
    logits, seeds = [], []
    for run in line.runs:
        found = load_logits(run.folder.evaluation, scored.split)
        _check_same(run, found, scored)
        logits.append(calibrated(run, found.logits) if calibrated else found.logits)
        seeds.append(seed_of(logits[-1], scored))
        told()
    paper = paper_figures(scored.data.set, line.method)
    return ScoredLine(line, tuple(seeds), tuple(logits), paper)


def _check_same(run: FinishedRun, found: SavedLogits, scored: ScoredSet) -> None:
    if found.ids != scored.ids or not np.array_equal(found.labels, scored.labels):
        raise DataError(
            f"{run.folder.path} was evaluated on other documents of {scored.split} than the runs "
            f"beside it ({len(found.ids)} and {len(scored.ids)}), though on the same ones of "
            f"validation. Delete eval/{scored.split}.safetensors where it is out of date"
        )
