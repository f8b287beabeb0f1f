"""What `prefprop eval` does: metrics with their intervals, overall and class by class."""

from collections.abc import Iterator, Mapping, Sequence

from prefprop_cli.calibration.calibrators import Identity
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work import views
from prefprop_cli.data.labels import positive_class
from prefprop_cli.errors import GateError, UsageError
from prefprop_cli.experiment.adapter import Adapter
from prefprop_cli.experiment.evaluate import Machine, OwnDocuments, evaluate_run
from prefprop_cli.experiment.evaluation import ClassScores, RunEvaluation
from prefprop_cli.report.page import Page
from prefprop_cli.report.pairwise import compare_runs
from prefprop_cli.report.paper import paper_figures_of
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats.small_samples import Stated
from prefprop_cli.words import plural

__all__ = ["Machine", "OwnDocuments", "compare_runs"]

GUESSES = {
    "majority": "always the most frequent label",
    "chance": "any candidate at random",
}
MOST_CLASSES = 30
"""Rows on a terminal; of more classes the worst."""


def evaluate(
    console: Console, folder: RunFolder, documents: str | OwnDocuments, *, machine: Machine
) -> RunEvaluation:
    """Evaluate a run with progress, and say what may be wrong with the documents."""
    found = evaluate_run(folder, documents, machine=machine)
    for warning in found.warnings:
        console.warn(warning)
    return found


def tell(
    console: Console, folder: RunFolder, found: RunEvaluation, comparison: Page | None
) -> None:
    """The metrics, overall and class by class; or the run beside others; or all of it as JSON."""
    adapter = found.adapter
    assert adapter is not None
    paper = paper_figures_of(adapter.config)
    if console.common.json:
        record = {"run": folder.path, **_record(found, paper)}
        console.result_json(record | ({"comparison": comparison.record} if comparison else {}))
        return
    _tell_documents(console, found, adapter)
    if comparison:
        views.tell_pages(console, [comparison], comparison.record)
        return
    rows = [
        [
            *(name, f"{value:.4f}", *_end_cells(found.intervals[name])),
            f"{paper[name]:.3f}" if name in paper else "",
        ]
        for name, value in found.metrics.items()
    ]
    if console.is_terminal:
        n_said = 5 if paper else 4
        header = ("metric", "value", "low", "high", "paper")
        console.table([row[:n_said] for row in rows], header=header[:n_said])
        _tell_classes(console, found.classes)
    else:
        console.table([*rows, *(row for each in found.classes for row in _class_rows(each))])
    views.tell_missing(console, {**found.intervals, "mce": ""})  # which never has one


def check_names(found: RunEvaluation, gates: Mapping[str, float]) -> None:
    """Raise a UsageError unless all gates are of metrics that there are."""
    if unknown := gates.keys() - found.metrics.keys():
        raise UsageError(
            f"--fail-below {', '.join(sorted(unknown))}: no such metric. "
            f"There are {', '.join(found.metrics)}"
        )


def check_gates(found: RunEvaluation, gates: Mapping[str, float]) -> None:
    """Raise a GateError if a metric is below its gate."""
    missed = [
        f"{name} is {found.metrics[name]:.4f}, below {limit:g}"
        for name, limit in gates.items()
        if found.metrics[name] < limit
    ]
    if missed:
        raise GateError("; ".join(missed))


def _tell_documents(console: Console, found: RunEvaluation, adapter: Adapter) -> None:
    """Say what the figures are of, and what they are to be held against."""
    # Figures are of the logits as they were trained, where predictions may not be.
    calibrator = adapter.calibrator
    if not isinstance(calibrator, Identity):
        console.info(
            f"figures are before calibration; predict applies {calibrator.name} "
            f"({calibrator}), and calibrate tells both"
        )
    guess, accuracy = found.guess
    of = f"{plural(found.n, 'document')} of {found.split}"
    console.info(f"{of}; {GUESSES[guess]}: accuracy {accuracy:.3f}")
    if (positive := positive_class(adapter.labels)) is not None:
        console.info(f'positive class: "{positive}"')


def _class_rows(each: ClassScores) -> Iterator[list[str]]:
    """`f1[space]` and the others, as the rows of metrics are."""
    for name, value in each.metrics.items():
        ends = _end_cells(each.intervals[name])
        yield [f"{name}[{each.name}]", _figure(value, digits=4), *ends, ""]
    yield [f"support[{each.name}]", str(each.support), "-", "-", ""]


def _tell_classes(console: Console, classes: Sequence[ClassScores]) -> None:
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


def _record(found: RunEvaluation, paper: Mapping[str, float]) -> dict[str, object]:
    guess, accuracy = found.guess
    return {
        "split": found.split,
        "positive": positive_class(found.labels),
        "warnings": found.warnings,
        "n": found.n,
        guess: accuracy,
        "metrics": {
            name: {**figure, "paper": paper.get(name)}
            for name, figure in _with_ends(found.metrics, found.intervals).items()
        },
        "classes": [
            {
                "name": each.name,
                "support": each.support,
                **_with_ends(each.metrics, each.intervals),
            }
            for each in found.classes
        ],
    }


def _with_ends(
    metrics: Mapping[str, float], intervals: Mapping[str, Stated]
) -> dict[str, dict[str, float | str | None]]:
    """Figures, each with its interval or why there is none."""
    whys = {name: each or None for name, each in intervals.items() if isinstance(each, str)}
    return {
        name: {"value": value, **views.ends(intervals[name]), "why": whys.get(name)}
        for name, value in metrics.items()
    }


def _figure(value: float, *, digits: int) -> str:
    return "-" if value != value else f"{value:.{digits}f}"


def _end_cells(stated: Stated) -> list[str]:
    return ["-" if end is None else f"{end:.4f}" for end in views.ends(stated).values()]
