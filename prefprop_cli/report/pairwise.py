"""Pairwise comparisons: runs that were named, beside the first of them."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.experiment.evaluate import Machine
from prefprop_cli.notes import note, warnings
from prefprop_cli.report import comparison_text as text
from prefprop_cli.report.collect import FinishedRun, collect
from prefprop_cli.report.comparisons import compare
from prefprop_cli.report.groups import DataSet, group
from prefprop_cli.report.page import PERCENT, SHARE, Block, Grid, Page
from prefprop_cli.report.scores import (
    Calibrated,
    ScoredSet,
    counting,
    evaluate_missing,
    score,
)
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER


def compare_runs(
    paths: Sequence[Path],
    *,
    split: str = "test",
    metrics: Sequence[str] = (),
    calibrated: Calibrated | None = None,
    n_bins: int | None = None,
    machine: Machine = Machine(),
    title: str = "",
) -> Page:
    """Compare runs, or folders of runs, with the first one; seeds of one configuration are one.

    The metrics are by default the one that decides on this data set, accuracy, `ece` and `nll`,
    and `n_bins` what the first run says; `calibrated` makes calibrated logits of a run and its own.
    The machine evaluates runs that never were on the split. What is left out is a note; see
    `notes.heard_by`.

    Raises:
        UsageError: the first is no finished run, or there is nothing beside it.
        DataError: they were trained for different documents.
        CorruptFileError: logits are damaged.
    """
    found = collect(paths)
    data, notes = _one_set(found.runs)
    for each in warnings((*found.notes, *notes)):
        note(each)
    place = paths[0].resolve()
    first = next((run for run in data.runs if run.folder.path.resolve() == place), None)
    if first is None:
        raise UsageError(
            f"{paths[0]}, which the others are compared with, is no finished run, or a later one "
            "has its configuration and seed. Name that one first"
        )
    evaluate_missing([run.folder for run in data.runs], split, machine=machine)
    table = first.config.eval
    settings = table.model_copy(update={"bins": n_bins or table.bins})
    with counting(data.runs) as on_run:
        scored = score(data, split, settings=settings, calibrated=calibrated, on_run=on_run)
    there = scored.variants[0].estimates
    if unknown := [name for name in metrics if name not in there]:
        raise UsageError(f"{', '.join(unknown)}: no such metric. There are {', '.join(there)}")
    chosen = metrics or dict.fromkeys((scored.metric, "accuracy", "ece", "nll"))
    known = [name for name in chosen if name in there]
    return _page(scored, first, known, title or f"{paths[0]} beside others, on {split}")


def _one_set(runs: Sequence[FinishedRun]) -> tuple[DataSet, list[str]]:
    sets, notes = group(runs, pick_best=False)
    if len(sets) != 1:
        names = "; ".join(f"{each.name}: {each.runs[0].folder.path}" for each in sets)
        raise DataError(f"runs on different documents cannot be compared ({names})")
    if len(sets[0].variants) < 2:
        paths = ", ".join(str(run.folder.path) for run in sets[0].runs)
        raise UsageError(
            f"{paths}: seeds of one configuration, and nothing beside them. "
            "Name a run of another method or with other settings"
        )
    return sets[0], notes


def _page(scored: ScoredSet, first: FinishedRun, metrics: Sequence[str], title: str) -> Page:
    reference = next(each for each in scored.variants if first in each.runs)
    units = {name: SHARE if name in LOWER_IS_BETTER else PERCENT for name in metrics}
    header = ("runs", "seeds", *(cell for name in metrics for cell in (text.SHORT[name], "95 %")))
    rows = []
    for each in scored.variants:
        found = {name: each.estimates[name] for name in metrics}
        cells = [
            (units[name].spread(of.seeds), units[name].between(of.overall))
            for name, of in found.items()
        ]
        rows.append((each.name, str(len(each.seeds)), *chain(*cells)))
    blocks: list[Block] = [Grid(header, tuple(rows)), *text.missing(scored.variants, metrics)]
    records = {}
    for name, unit in units.items():
        (compared,) = compare([scored], metric=name, first=lambda _: reference)
        blocks += text.comparison_blocks(compared, family=compared, unit=unit)
        records[name] = [each.as_dict() for each in compared]
    record = {
        "split": scored.split,
        "n_documents": len(scored.ids),
        "positive": scored.positive,
        "lines": [text.variant_record(each, metrics) for each in scored.variants],
        "comparisons": records,
    }
    said_once = dict.fromkeys(blocks)  # what holds for every metric
    return Page("comparison", title, tuple(said_once), record)
