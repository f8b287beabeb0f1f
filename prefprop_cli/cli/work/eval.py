"""What `prefprop eval` does: metrics with their intervals, overall and class by class."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from math import nan
from pathlib import Path

import numpy as np

from prefprop_cli.calibration.calibrators import Identity
from prefprop_cli.calibration.metrics import classification_metrics, stated_intervals
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.options import Machine
from prefprop_cli.cli.work.logits import logits_of
from prefprop_cli.cli.work.pages import tell_missing, tell_pages
from prefprop_cli.data.labels import positive_class
from prefprop_cli.errors import GateError, UsageError
from prefprop_cli.experiment.adapter import Adapter, read_adapter
from prefprop_cli.experiment.evaluate import OwnDocuments
from prefprop_cli.experiment.stored_logits import SavedLogits
from prefprop_cli.report.methods import paper_figures_of
from prefprop_cli.report.page import Page
from prefprop_cli.report.pairwise import compare_runs
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats.small_samples import Stated, share
from prefprop_cli.tasks.metrics import (
    chance_share,
    confusion_matrix,
    majority_share,
    rates_by_class,
)
from prefprop_cli.words import plural

BASELINES = {
    "majority": "always the most frequent label",
    "chance": "any candidate at random",
}
MOST_CLASSES = 30
"""Rows on a terminal; of more classes the worst."""
CLASS_METRICS = ("precision", "recall", "f1")


@dataclass(frozen=True)
class ClassScores:
    """One class; of one that neither occurs nor is predicted the metrics are NaN.

    Attributes:
        name: of the class.
        support: documents of the class.
        metrics: precision, recall and F1; 0 where nothing is right.
        intervals: Wilson's, of precision and recall, or why there is none.
    """

    name: str
    support: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, Stated]


@dataclass(frozen=True)
class Evaluation:
    """A run on a split, or on documents of one's own.

    Attributes:
        folder: of the run.
        split: its name, or `own data`.
        adapter: what the run says of itself.
        saved: the logits.
        metrics: of all documents.
        intervals: of each metric, or why there is none.
        warnings: what is wrong with the documents.
    """

    folder: RunFolder
    split: str
    adapter: Adapter
    saved: SavedLogits
    metrics: Mapping[str, float]
    intervals: Mapping[str, Stated]
    warnings: tuple[str, ...]

    @property
    def n(self) -> int:
        """Documents."""
        return len(self.saved.labels)

    @property
    def baseline(self) -> tuple[str, float]:
        """Of `BASELINES`, and its accuracy."""
        if self.adapter.task.has_classes:
            return "majority", majority_share(self.saved.labels)
        return "chance", chance_share(self.saved.logits)

    @cached_property
    def paper(self) -> Mapping[str, float]:
        """The paper's figures; empty where it has no such experiment."""
        return paper_figures_of(self.adapter.config)

    @cached_property
    def classes(self) -> list[ClassScores]:
        """In the order of the logits; none where documents bring candidates."""
        names = self.adapter.labels
        if not self.adapter.task.has_classes:
            return []
        matrix = confusion_matrix(self.saved.logits, self.saved.labels, n_classes=len(names))
        rates = np.stack(rates_by_class(matrix), axis=1)
        counts = zip(matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0), strict=True)
        return [
            _class_scores(name, *map(int, of_class), rates=row.tolist())
            for name, of_class, row in zip(names, counts, rates, strict=True)
        ]


def _class_scores(
    name: str, n_right: int, n_actual: int, n_predicted: int, *, rates: list[float]
) -> ClassScores:
    occurs = n_actual or n_predicted
    return ClassScores(
        name,
        support=n_actual,
        metrics=dict(zip(CLASS_METRICS, rates if occurs else [nan] * 3, strict=True)),
        intervals={
            "precision": share(n_right, n_predicted, of="documents said to be of the class"),
            "recall": share(n_right, n_actual, of="documents of the class"),
            "f1": "",
        },
    )


def documents_of(
    split: str, *, data: Path | None, text_column: str | None, label_column: str | None
) -> str | OwnDocuments:
    """What is evaluated: a split, or documents of one's own."""
    return OwnDocuments(data, text_column, label_column) if data else split


def evaluate(
    console: Console, folder: RunFolder, documents: str | OwnDocuments, *, machine: Machine
) -> Evaluation:
    """Evaluate a run, or take the logits that it has stored.

    Raises:
        UsageError: there is no such split.
        PrefpropError: as `Evaluator`.
    """
    adapter = read_adapter(folder.trained_adapter)
    warnings: list[str] = []
    saved = logits_of(console, folder, documents, machine=machine, warn=warnings.append)
    for warning in warnings:
        console.warn(warning)
    table, metrics = adapter.config.eval, adapter.task.metrics(len(adapter.labels))
    return Evaluation(
        folder=folder,
        split=documents if isinstance(documents, str) else "own data",
        adapter=adapter,
        saved=saved,
        metrics=classification_metrics(
            saved.logits, saved.labels, metrics=metrics, n_bins=table.bins
        ),
        intervals=stated_intervals(
            saved.logits,
            saved.labels,
            metrics=metrics,
            n_bins=table.bins,
            n_resamples=table.resamples,
        ),
        warnings=tuple(warnings),
    )


def beside(
    console: Console, found: Evaluation, others: Sequence[Path], *, machine: Machine
) -> Page:
    """The run beside others, seed by seed and document by document.

    Raises:
        UsageError, DataError: as `compare_runs`.
    """
    evaluate = partial(logits_of, console, machine=machine)
    return compare_runs([found.folder.path, *others], split=found.split, evaluate=evaluate)


def tell(console: Console, found: Evaluation, comparison: Page | None) -> None:
    """The metrics, overall and class by class; or the run beside others; or all of it as JSON."""
    if console.common.json:
        console.result_json(record(found, comparison))
        return
    _tell_documents(console, found)
    if comparison:
        tell_pages(console, [comparison], comparison.record)
        return
    rows = [_row(name, value, found) for name, value in found.metrics.items()]
    if console.is_terminal:
        n_said = 5 if found.paper else 4
        header = ("metric", "value", "low", "high", "paper")
        console.table([row[:n_said] for row in rows], header=header[:n_said])
        _tell_classes(console, found.classes)
    else:
        console.table([*rows, *(row for each in found.classes for row in _class_rows(each))])
    whys = {name: each for name, each in found.intervals.items() if isinstance(each, str)}
    # mce never has one
    tell_missing(console, {name: why for name, why in whys.items() if name != "mce"})


def record(found: Evaluation, comparison: Page | None) -> dict[str, object]:
    """All of it as JSON types."""
    baseline, accuracy = found.baseline
    return {
        "run": found.folder.path,
        "split": found.split,
        "positive": positive_class(found.adapter.labels),
        "warnings": found.warnings,
        "n": found.n,
        baseline: accuracy,
        "metrics": {
            name: {"value": value, **_ends(found.intervals[name]), "paper": found.paper.get(name)}
            for name, value in found.metrics.items()
        },
        "classes": [
            {
                "name": each.name,
                "support": each.support,
                **{
                    name: {"value": value, **_ends(each.intervals[name])}
                    for name, value in each.metrics.items()
                },
            }
            for each in found.classes
        ],
        **({"comparison": comparison.record} if comparison else {}),
    }


def check_names(found: Evaluation, gates: Mapping[str, float]) -> None:
    """See that gates are of metrics that there are.

    Raises:
        UsageError: one is not.
    """
    if unknown := gates.keys() - found.metrics.keys():
        raise UsageError(
            f"--fail-below {', '.join(sorted(unknown))}: no such metric. "
            f"There are {', '.join(found.metrics)}"
        )


def check_gates(found: Evaluation, gates: Mapping[str, float]) -> None:
    """See that no metric is below its gate.

    Raises:
        GateError: some are.
    """
    missed = [
        f"{name} is {found.metrics[name]:.4f}, below {limit:g}"
        for name, limit in gates.items()
        if found.metrics[name] < limit
    ]
    if missed:
        raise GateError("; ".join(missed))


def _tell_documents(console: Console, found: Evaluation) -> None:
    """Say what the figures are of, and what they are to be held against."""
    # Figures are of the logits as they were trained, where predictions may not be.
    calibrator = found.adapter.calibrator
    if not isinstance(calibrator, Identity):
        console.info(
            f"figures are before calibration; predict applies {calibrator.name} "
            f"({calibrator}), and calibrate tells both"
        )
    name, accuracy = found.baseline
    of = f"{plural(found.n, 'document')} of {found.split}"
    console.info(f"{of}; {BASELINES[name]}: accuracy {accuracy:.3f}")
    positive = positive_class(found.adapter.labels)
    if positive is not None:
        console.info(f'positive class: "{positive}"')


def _row(name: str, value: float, found: Evaluation) -> list[str]:
    published = f"{found.paper[name]:.3f}" if name in found.paper else ""
    return [name, f"{value:.4f}", *_end_cells(found.intervals[name]), published]


def _class_rows(each: ClassScores) -> Iterator[list[str]]:
    """`f1[space]` and the others, as the rows of metrics are."""
    for name, value in each.metrics.items():
        ends = _end_cells(each.intervals[name])
        yield [f"{name}[{each.name}]", _figure(value, digits=4), *ends, ""]
    yield [f"support[{each.name}]", str(each.support), "-", "-", ""]


def _tell_classes(console: Console, classes: list[ClassScores]) -> None:
    if not classes:
        return
    shown = classes
    if len(classes) > MOST_CLASSES:
        known = [each for each in classes if each.support]
        shown = sorted(known, key=lambda each: each.metrics["f1"])[:MOST_CLASSES]
    console.result("")
    console.table(
        [
            (each.name, *(_figure(v, digits=3) for v in each.metrics.values()), str(each.support))
            for each in shown
        ],
        header=("class", "precision", "recall", "F1", "support"),
    )
    if len(shown) < len(classes):
        console.info(f"the {len(shown)} of {len(classes)} classes with the lowest F1; all: --json")


def _figure(value: float, *, digits: int) -> str:
    return "-" if value != value else f"{value:.{digits}f}"


def _end_cells(stated: Stated) -> list[str]:
    if isinstance(stated, str):
        return ["-", "-"]
    return [f"{stated.low:.4f}", f"{stated.high:.4f}"]


def _ends(stated: Stated) -> dict[str, float | str | None]:
    """Of an interval, or why there is none."""
    if isinstance(stated, str):
        return {"low": None, "high": None, "why": stated or None}
    return {"low": stated.low, "high": stated.high, "why": None}
