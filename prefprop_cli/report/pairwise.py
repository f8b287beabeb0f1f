"""Runs that were named, beside the first of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.comparison_text import (
    SHORT,
    line_record,
    told_comparisons,
    told_missing,
)
from prefprop_cli.report.comparisons import compare
from prefprop_cli.report.groups import DataSet, group
from prefprop_cli.report.page import (
    PERCENT,
    SHARE,
    Block,
    Grid,
    Page,
    Unit,
    between,
    spread,
)
from prefprop_cli.report.scores import ScoredLine, ScoredSet
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER


def rivals(runs: Sequence[FinishedRun]) -> tuple[DataSet, list[str]]:
    """The runs as lines of one data set; seeds of one configuration are one line.

    Returns:
        The set, and notes on runs that were left out.

    Raises:
        DataError: they were trained for different documents.
        UsageError: they are all of one configuration, or have no logits of validation.
        CorruptFileError: the logits are damaged.
    """
    sets, notes = group(runs, pick_best=False)
    if len(sets) != 1:
        names = "; ".join(f"{each.name}: {each.lines[0].runs[0].folder.path}" for each in sets)
        raise DataError(f"runs on different documents cannot be compared ({names})")
    if len(sets[0].lines) < 2:
        paths = ", ".join(str(run.folder.path) for run in sets[0].lines[0].runs)
        raise UsageError(
            f"{paths}: seeds of one configuration, and nothing beside them. "
            "Name a run of another method or with other settings"
        )
    return sets[0], notes


def versus(
    scored: ScoredSet, *, first: Path, metrics: Sequence[str], name: str, title: str
) -> Page:
    """Every line beside that of one run, in some metrics.

    Args:
        scored: the lines on one split.
        first: a run of the line that the others are compared with.
        metrics: of `ScoredSet.shown` and `ece`, `ece_paper`, `nll`.
        name: of the page.
        title: of the page.
    """
    blocks: list[Block] = [_lines(scored, metrics), *told_missing(scored.lines, metrics)]
    records = {}
    for metric in metrics:
        (found,) = compare([scored], metric=metric, first=lambda lines: _line_of(lines, first))
        family = sum(each.p_holm is not None for each in found)
        blocks += told_comparisons(found, family=family, unit=_unit(metric))
        records[metric] = [each.as_dict() for each in found]
    record = {
        "split": scored.split,
        "n_documents": len(scored.ids),
        "positive": scored.positive,
        "lines": [line_record(each, metrics) for each in scored.lines],
        "comparisons": records,
    }
    said_once = dict.fromkeys(blocks)  # what holds for every metric
    return Page(name, title, tuple(said_once), record)


def _line_of(lines: Sequence[ScoredLine], run: Path) -> ScoredLine:
    wanted = run.resolve()
    return next(
        each for each in lines if any(r.folder.path.resolve() == wanted for r in each.line.runs)
    )


def _lines(scored: ScoredSet, metrics: Sequence[str]) -> Grid:
    header = ("runs", "seeds", *(part for metric in metrics for part in (SHORT[metric], "95 %")))
    return Grid(header, tuple(tuple(_row(each, metrics)) for each in scored.lines))


def _row(each: ScoredLine, metrics: Sequence[str]) -> Iterator[str]:
    yield from (each.name, str(len(each.seeds)))
    for metric in metrics:
        yield spread(each.estimates[metric], _unit(metric))
        yield between(each.estimates[metric].overall, _unit(metric))


def _unit(metric: str) -> Unit:
    return SHARE if metric in LOWER_IS_BETTER else PERCENT
