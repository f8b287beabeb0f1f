"""What `prefprop runs` prints: a row for each run of a folder, and what is none."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import age
from prefprop_cli.errors import PrefpropError, UsageError
from prefprop_cli.experiment.stored_logits import load_logits, logits_path
from prefprop_cli.runs import Listing, RunSummary, list_runs
from prefprop_cli.words import listed

NOTHING = "-"


def runs_in(folder: Path | None) -> tuple[Path, Listing]:
    """The folder, by default `./runs`, and what it holds.

    Raises:
        UsageError: it is not there, or is itself a run.
    """
    place = folder or Path("runs")
    if os.path.isfile(place / "manifest.json"):
        raise UsageError(f"{place} is one run. Show it: prefprop show {shlex.quote(str(place))}")
    if not os.path.isdir(place):
        if folder is None:
            return place, Listing([], {}, [])
        what = "is a file, no folder" if place.exists() else "does not exist"
        raise UsageError(f"{place} {what}. Name a folder that holds run folders")
    return place, list_runs(place)


def tell_runs(console: Console, found: tuple[Path, Listing]) -> None:
    """The runs as a table, rows with tabs, or JSON; what cannot be read as warnings."""
    folder, listing = found
    if console.common.json:
        console.result_json(
            {
                "folder": folder,
                "runs": [_record(run) for run in listing.runs],
                "damaged": {path: str(error) for path, error in listing.damaged.items()},
                "others": listing.others,
            }
        )
    elif not console.is_terminal:
        console.table(map(_full_row, listing.runs))
    else:
        _tell_table(console, listing)
    for path, error in listing.damaged.items():
        console.warn(f"{path}: {error}")
    if listing.others:
        console.info(f"no runs in {folder}: {listed(listing.others, shown=5)}")
    if not listing.runs:
        console.info(f"{folder} holds no runs. Begin with: prefprop train FILE, or -p demo")


def test_accuracy(run: RunSummary) -> float | str | None:
    """Of the stored logits of test; None without any, or `damaged`."""
    evaluation = run.folder.evaluation
    if not logits_path(evaluation, "test").exists():
        return None
    try:
        saved = load_logits(evaluation, "test")
    except PrefpropError:
        return "damaged"
    return float(saved.is_right.mean())


def _tell_table(console: Console, listing: Listing) -> None:
    metrics = {run.metric for run in listing.runs}
    metric = metrics.pop() if len(metrics) == 1 else ""
    score = f"{metric}, validation" if metric else "validation"
    header: tuple[str, ...] = ("run", "status", "data", "method", score, "test")
    rows = [_row(run, metric=metric) for run in listing.runs]
    if not console.fits([header, *rows], n_whole=1):
        header = ("run", "status", "trained", f"{header[4]}, test")
        rows = [
            (*row, f"{data}, {method}", score if test == NOTHING else f"{score}, {test}")
            for *row, data, method, score, test in rows
        ]
    console.table(rows, header=header if rows else (), n_whole=1)


def _row(run: RunSummary, *, metric: str) -> tuple[str, ...]:
    """Of a table in which every score is of `metric`, or of any, where that is empty."""
    score = _figure(run.score)
    if run.score is not None and not metric:
        score = f"{run.metric} {score}"
    return (
        run.folder.path.name,
        f"{run.state}, {age(run.started)}",
        run.data,
        run.method,
        score,
        _figure(test_accuracy(run)),
    )


def _full_row(run: RunSummary) -> tuple[str, ...]:
    step, of = run.state.step, run.state.n_steps
    return (
        str(run.folder.path),
        run.started,
        run.state.status,
        NOTHING if step is None else f"{step}/{of or '?'}",
        run.data,
        run.method,
        run.metric,
        _figure(run.score, digits=4),
        _figure(test_accuracy(run), digits=4),
    )


def _record(run: RunSummary) -> Mapping[str, object]:
    accuracy = test_accuracy(run)
    return {
        **run.as_dict(),
        "method": run.method,
        "metric": run.metric,
        "validation": run.score,
        "test_accuracy": accuracy if isinstance(accuracy, float) else None,
    }


def _figure(value: float | str | None, *, digits: int = 3) -> str:
    return NOTHING if value is None else value if isinstance(value, str) else f"{value:.{digits}f}"
