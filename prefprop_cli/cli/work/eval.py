"""`prefprop eval`: every metric of a split with its interval, and the paper's figure beside it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.work.pages import tell_pages
from prefprop_cli.errors import GateError, UsageError
from prefprop_cli.words import plural

if TYPE_CHECKING:
    from prefprop_cli.build.adapter import Adapter
    from prefprop_cli.build.evaluate import OwnDocuments
    from prefprop_cli.config.schema import Config
    from prefprop_cli.evaluation.results import SavedLogits
    from prefprop_cli.evaluation.small_samples import Stated
    from prefprop_cli.report.page import Page
    from prefprop_cli.runs import RunFolder

BASELINES = {
    "majority": "always the most frequent label",
    "chance": "any candidate at random",
}


def run(
    console: Console,
    *,
    run: Path,
    split: str,
    data: Path | None,
    text_column: str | None,
    label_column: str | None,
    batch_size: int | None,
    compare: Sequence[Path],
    fail_below: Mapping[str, float],
    backbone: str | None,
    device: str,
) -> None:
    """Evaluate a run on a split, or on labelled documents of one's own.

    Raises:
        UsageError: a gate names a metric that does not exist, or there is nothing to compare.
        GateError: a metric is below its gate.
    """
    if not data and (text_column or label_column):
        raise UsageError("--text-column and --label-column are of the file that --data names")
    if data and compare:
        raise UsageError("--data and --compare: runs are compared on a split of their own data")
    from prefprop_cli.build.adapter import read_adapter
    from prefprop_cli.build.evaluate import OwnDocuments
    from prefprop_cli.cli.work.comparison import compare_runs
    from prefprop_cli.data.labels import positive_class
    from prefprop_cli.runs import RunFolder

    folder = RunFolder.open(run)
    adapter = read_adapter(folder.trained_adapter)
    warnings: list[str] = []
    logits = logits_of(
        console,
        folder,
        split,
        data=OwnDocuments(data, text_column, label_column) if data else None,
        batch_size=batch_size,
        backbone=backbone,
        device=device,
        warn=warnings.append,
    )
    for warning in warnings:
        console.warn(warning)
    _tell_calibrator(console, adapter)
    metrics, intervals = _scored(logits, adapter)
    _check_names(metrics, fail_below)
    facts = {
        "run": folder.path,
        "split": "own data" if data else split,
        "positive": positive_class(adapter.labels),
        "warnings": warnings,
    }
    _tell(
        console,
        metrics,
        intervals,
        n=len(logits.labels),
        facts=facts,
        baseline=_baseline(logits, has_classes=bool(adapter.labels)),
        paper=paper_figures_of(adapter.config),
        comparison=(
            compare_runs(console, [run, *compare], split=split, backbone=backbone, device=device)
            if compare
            else None
        ),
    )
    _check(metrics, fail_below)


def _scored(
    logits: "SavedLogits", adapter: "Adapter"
) -> "tuple[dict[str, float], dict[str, Stated]]":
    """The metrics, and the interval of each or why there is none."""
    from prefprop_cli.evaluation.metrics import classification_metrics, stated_intervals

    table, n_classes = adapter.config.eval, len(adapter.labels) or None
    metrics = classification_metrics(
        logits.logits, logits.labels, n_classes=n_classes, n_bins=table.bins
    )
    intervals = stated_intervals(
        logits.logits,
        logits.labels,
        n_classes=n_classes,
        n_bins=table.bins,
        n_resamples=table.resamples,
    )
    return metrics, intervals


def _tell_calibrator(console: Console, adapter: "Adapter") -> None:
    """Say that figures are of the logits as they were trained, where predictions are not."""
    from prefprop_cli.evaluation.recalibration import Identity

    if not isinstance(adapter.calibrator, Identity):
        console.info(
            f"figures are before calibration; predict applies {adapter.calibrator.name} "
            f"({adapter.calibrator}), and calibrate tells both"
        )


def _baseline(logits: "SavedLogits", *, has_classes: bool) -> tuple[str, float]:
    from prefprop_cli.evaluation.metrics import chance_share, majority_share

    if has_classes:
        return "majority", majority_share(logits.labels)
    return "chance", chance_share(logits.logits)


def check_split(folder: "RunFolder", split: str) -> None:
    """See that there is such a split, before anything is loaded.

    Raises:
        UsageError: data have no such split, and no logits of that name are stored.
    """
    from prefprop_cli.data.corpus import SPLITS
    from prefprop_cli.evaluation.results import logits_path

    if split not in SPLITS and not logits_path(folder.evaluation, split).exists():
        raise UsageError(f"--split {split}: there is no such split. There are {', '.join(SPLITS)}")


def logits_of(
    console: Console,
    folder: "RunFolder",
    split: str,
    *,
    data: "OwnDocuments | None" = None,
    batch_size: int | None = None,
    backbone: str | None,
    device: str,
    warn: Callable[[str], None] = lambda text: None,
) -> "SavedLogits":
    """The logits of a split or of other documents, with progress where they are computed."""
    if data is None:
        check_split(folder, split)
    from prefprop_cli.build.evaluate import Evaluator

    with console.progress(total=None, label="document") as progress:
        evaluator = Evaluator(
            folder,
            device=device,
            batch_size=batch_size,
            backbone=backbone,
            progress=lambda done, total: progress.update(done, total=total),
            warn=warn,
        )
        return evaluator.of_documents(data) if data else evaluator.of_split(split)


def evaluate_missing(
    console: Console,
    folders: "Sequence[RunFolder]",
    split: str,
    *,
    backbone: str | None,
    device: str,
) -> None:
    """Evaluate the runs that never were on this split."""
    from prefprop_cli.evaluation.results import is_stored

    missing = [folder for folder in folders if not is_stored(folder.evaluation, split)]
    for number, folder in enumerate(missing, start=1):
        console.info(f"evaluating {folder.path} on {split} ({number} of {len(missing)})")
        logits_of(console, folder, split, backbone=backbone, device=device)


def paper_figures_of(config: "Config") -> dict[str, float]:
    """The paper's figures for a run's experiment; empty if it has none."""
    from prefprop_cli.evaluation.paper import paper_figures
    from prefprop_cli.report.methods import has_papers_backbone, method_label

    if not has_papers_backbone(config):
        return {}
    return paper_figures(config.data.set, method_label(config))


def _tell(
    console: Console,
    metrics: Mapping[str, float],
    intervals: "Mapping[str, Stated]",
    *,
    n: int,
    facts: Mapping[str, object],
    baseline: tuple[str, float],
    paper: Mapping[str, float],
    comparison: "Page | None",
) -> None:
    if console.common.json:
        table = {
            name: {"value": value, **_ends(intervals[name]), "paper": paper.get(name)}
            for name, value in metrics.items()
        }
        compared = {"comparison": comparison.record} if comparison else {}
        console.result_json(
            {**facts, "n": n, baseline[0]: baseline[1], "metrics": table, **compared}
        )
        return
    name, accuracy = baseline
    console.info(
        f"{plural(n, 'document')} of {facts['split']}; {BASELINES[name]}: accuracy {accuracy:.3f}"
    )
    if facts["positive"] is not None:
        console.info(f'positive class: "{facts["positive"]}"')
    if comparison:
        tell_pages(console, [comparison], comparison.record)
        return
    rows = [_row(name, value, intervals[name], paper) for name, value in metrics.items()]
    console.table(rows, header=("metric", "value", "low", "high", "paper"))
    whys = {name: str(each) for name, each in intervals.items() if isinstance(each, str)}
    tell_missing(
        console, {name: why for name, why in whys.items() if name != "mce"}
    )  # it never has


def tell_missing(console: Console, whys: Mapping[str, str]) -> None:
    """Say of which metrics there is no interval, those with one reason together."""
    for why in dict.fromkeys(filter(None, whys.values())):
        names = ", ".join(name for name, its in whys.items() if its == why)
        console.info(f"no interval for {names}: {why}")


def _ends(stated: "Stated") -> dict[str, float | str | None]:
    """Of an interval, or why there is none."""
    if isinstance(stated, str):
        return {"low": None, "high": None, "why": stated}
    return {"low": stated.low, "high": stated.high, "why": None}


def _row(name: str, value: float, stated: "Stated", paper: Mapping[str, float]) -> list[str]:
    published = f"{paper[name]:.3f}" if name in paper else ""
    ends = ["-", "-"] if isinstance(stated, str) else [f"{stated.low:.4f}", f"{stated.high:.4f}"]
    return [name, f"{value:.4f}", *ends, published]


def _check_names(metrics: Mapping[str, float], fail_below: Mapping[str, float]) -> None:
    if unknown := fail_below.keys() - metrics.keys():
        raise UsageError(
            f"--fail-below {', '.join(sorted(unknown))}: no such metric. "
            f"There are {', '.join(metrics)}"
        )


def _check(metrics: Mapping[str, float], fail_below: Mapping[str, float]) -> None:
    missed = [
        f"{name} is {metrics[name]:.4f}, below {limit:g}"
        for name, limit in fail_below.items()
        if metrics[name] < limit
    ]
    if missed:
        raise GateError("; ".join(missed))
