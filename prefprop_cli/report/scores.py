"""The figures of each variant on a split: of its seeds, their mean, and intervals of two kinds.

Axes: N documents, C classes or candidates.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.bench.paper import paper_columns, paper_figures
from prefprop_cli.calibration.metrics import scores_and_terms
from prefprop_cli.config.schema import Config, EvalTable
from prefprop_cli.data.labels import positive_class
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.experiment.adapter import read_adapter
from prefprop_cli.experiment.evaluate import logits_of
from prefprop_cli.experiment.stored_logits import is_stored, load_logits
from prefprop_cli.notes import note, progress
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.estimates import Estimate, Seed, estimates_of
from prefprop_cli.report.groups import DataSet, Variant
from prefprop_cli.report.methods import backbone_name, has_papers_backbone
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats.intervals import resample_documents
from prefprop_cli.stats.small_samples import answers_of

CALIBRATION = ("ece", "ece_paper", "nll")
Evaluate = Callable[[RunFolder, str], object]
Calibrated = Callable[[FinishedRun, NDArray[np.float32]], NDArray[np.floating]]


@dataclass(frozen=True)
class ScoredVariant:
    """A variant with its figures on a split."""

    variant: Variant
    seeds: tuple[Seed, ...]
    """Of each run, in its order."""
    logits: tuple[NDArray[np.floating], ...]
    paper: Mapping[str, float]
    """The paper's figures for this set and method; may be empty."""

    @property
    def name(self) -> str:
        return self.variant.name

    @property
    def config(self) -> Config:
        """Of its first run."""
        return self.variant.runs[0].config

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

    def mean(self, metric: str) -> float:
        """Over seeds."""
        return self.estimates[metric].seeds.mean

    def values(self, metric: str) -> list[float]:
        """Of each seed."""
        return [each[metric] for each in self.seeds]


@dataclass(frozen=True)
class ScoredSet:
    """A data set with the figures of its variants on a split."""

    data: DataSet
    split: str
    columns: tuple[str, ...]
    """Metrics of the paper's table 2, the one that decides last."""
    positive: str | None
    """The class that precision, recall and F1 are of; None where it is not one."""
    ids: tuple[str, ...]
    """The documents, N."""
    labels: NDArray[np.int64]
    """Theirs, (N,)."""
    n_classes: int | None
    """C; None where documents bring candidates of their own."""
    settings: EvalTable
    """Bins and resamples."""
    variants: tuple[ScoredVariant, ...]
    """As in `data`."""

    @property
    def metric(self) -> str:
        """The one that decides: F1, or accuracy where there is none."""
        return self.columns[-1]

    @property
    def shown(self) -> tuple[str, ...]:
        """Metrics of our table 2: where F1 is of one class, accuracy as well."""
        return (*self.columns, "accuracy") if self.metric == "f1_binary" else self.columns


def evaluate_split(run: RunFolder, split: str) -> None:
    """Compute the logits of a run on a split of its data, and store them in the run."""
    logits_of(run, split)


def evaluate_missing(
    runs: Iterable[RunFolder], split: str, *, evaluate: Evaluate = evaluate_split
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
        evaluate(run, name)


def score(
    data: DataSet,
    split: str,
    *,
    settings: EvalTable | None = None,
    calibrated: Calibrated | None = None,
) -> ScoredSet:
    """Score the variants of a data set on a split, from the logits that its runs have stored.

    How far it is can be heard; see `notes`.

    Args:
        data: the set.
        split: of its documents.
        settings: bins and resamples; default: the first run's.
        calibrated: a run and its logits (N, C) → calibrated ones; default: as they are.

    Raises:
        UsageError: a run was not evaluated on the split.
        CorruptFileError: its logits are damaged.
        DataError: runs were evaluated on different documents, or predictions cannot be scored.
    """
    run = data.runs[0]
    first = load_logits(run.folder.evaluation, split)
    positive, has_classes = _classes(run)
    scored = ScoredSet(
        data=data,
        split=split,
        columns=paper_columns(data.set),
        positive=positive,
        ids=first.ids,
        labels=first.labels,
        n_classes=first.logits.shape[1] if has_classes else None,
        settings=settings or run.config.eval,
        variants=(),
    )

    variants, n_done = [], count(1)
    with progress(total=len(data.runs), label="run") as update:
        for variant in data.variants:
            logits, seeds = [], []
            for run in variant.runs:
                found = _logits(run, scored)
                logits.append(calibrated(run, found) if calibrated else found)
                seeds.append(seed_of(logits[-1], scored))
                update(next(n_done))
            paper = paper_figures(data.set, variant.method)
            variants.append(ScoredVariant(variant, tuple(seeds), tuple(logits), paper))
    return replace(scored, variants=tuple(variants))


def seed_of(logits: NDArray[np.generic], scored: ScoredSet) -> Seed:
    """The metrics of table 2 and the calibration scores of one model on the set's documents."""
    statistics, terms = scores_and_terms(
        logits, scored.labels, n_classes=scored.n_classes, n_bins=scored.settings.bins
    )
    names = (*scored.shown, *CALIBRATION)
    figures = resample_documents(
        statistics, *terms, names=names, n_resamples=scored.settings.resamples
    )
    _, index, gap, paper_index, paper_gap, *_ = terms
    gaps = {"ece": (index, gap), "ece_paper": (paper_index, paper_gap)}
    return Seed(figures, gaps, answers_of(logits, scored.labels, n_classes=scored.n_classes))


def _classes(run: FinishedRun) -> tuple[str | None, bool]:
    """The second of two classes by its name, or number where it is lost; whether there are any."""
    try:
        labels = read_adapter(run.folder.adapter).labels
    except PrefpropError:
        return "1", True
    return positive_class(labels), bool(labels)


def _logits(run: FinishedRun, scored: ScoredSet) -> NDArray[np.float32]:
    found = load_logits(run.folder.evaluation, scored.split)
    if found.ids != scored.ids or not np.array_equal(found.labels, scored.labels):
        raise DataError(
            f"{run.folder.path} was evaluated on other documents of {scored.split} than the runs "
            f"beside it ({len(found.ids)} and {len(scored.ids)}), though on the same ones of "
            f"validation. Delete eval/{scored.split}.safetensors where it is out of date"
        )
    return found.logits
