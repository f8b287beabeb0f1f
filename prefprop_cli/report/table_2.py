"""Table 2: precision, recall and F1 (WikiHop: accuracy) of each method on each data set."""

from collections.abc import Iterator, Sequence

from prefprop_cli.report.baselines import Baseline, Floor
from prefprop_cli.report.comparison_text import (
    SHORT,
    introduction,
    set_record,
    told_comparisons,
    told_missing,
    told_order,
)
from prefprop_cli.report.comparisons import compare, compare_order
from prefprop_cli.report.groups import (
    Line,
    unusual_settings,
    usual_settings,
    validation_score,
)
from prefprop_cli.report.page import NOTHING, PERCENT, Block, Grid, Page, between, spread
from prefprop_cli.report.scores import ScoredLine, ScoredSet

TITLE = "Table 2: scores in %, mean ± standard deviation over seeds"


def table_2(sets: Sequence[ScoredSet], floors: Sequence[Floor]) -> Page:
    """Ours beside the paper's, the baselines below, and propagation compared with each method.

    Args:
        sets: scored on one split.
        floors: the baselines of each.
    """
    comparisons = compare(sets)
    family = sum(each.p_holm is not None for of_set in comparisons for each in of_set)
    blocks: list[Block] = []
    records = []
    for scored, floor, compared in zip(sets, floors, comparisons, strict=True):
        order = compare_order(scored, scored.metric)
        blocks += [*introduction(scored, floor), _scores(scored, floor)]
        blocks += [*_of_one_class(scored), *told_missing(scored.lines, [scored.metric])]
        blocks += [*_settings(scored), *_searched(scored)]
        blocks += told_comparisons(compared, family=family, unit=PERCENT)
        blocks += [told_order(order)] if order else []
        records.append(set_record(scored, floor, compared, order, scored.shown))
    return Page("table-2", TITLE, tuple(blocks), {"table": "2", "sets": records})


def _scores(scored: ScoredSet, floor: Floor) -> Grid:
    metrics = (SHORT[column] for column in scored.shown)
    last = f"95 % of {SHORT[scored.metric]}"
    header = ("method", "seeds", *metrics, f"{last}, seeds", "with documents", "paper")
    rows = [_row(each, scored) for each in scored.lines]
    return Grid(header, (*rows, *(_baseline_row(each, scored) for each in floor.baselines)))


def _row(each: ScoredLine, scored: ScoredSet) -> tuple[str, ...]:
    last = each.estimates[scored.metric]
    paper = [PERCENT.show(each.paper[name]) for name in scored.columns if name in each.paper]
    return (
        each.name,
        str(len(each.seeds)),
        *(spread(each.estimates[column], PERCENT) for column in scored.shown),
        between(last.seeds.interval, PERCENT),
        between(last.overall, PERCENT),
        "/".join(paper) or NOTHING,
    )


def _baseline_row(each: Baseline, scored: ScoredSet) -> tuple[str, ...]:
    figures = (PERCENT.show(each.figures[column]) for column in scored.shown)
    interval = between(each.intervals.get(scored.metric), PERCENT)
    return (each.name, NOTHING, *figures, NOTHING, interval, NOTHING)


def _of_one_class(scored: ScoredSet) -> Iterator[Block]:
    if scored.metric == "f1_binary":
        yield f'Precision, recall and F1 are of the class "{scored.positive}".'


def _settings(scored: ScoredSet) -> Iterator[Block]:
    """What else is not the same for all lines."""
    lines = scored.data.lines
    usual = usual_settings(lines)
    parts = [
        f"{key} = {usual[key]}, but "
        + ", ".join(f"{line.settings[key]} in {line.name}" for line in others)
        for key, others in unusual_settings(lines).items()
    ]
    if parts:
        yield f"Not the same for all: {'; '.join(parts)}."


def _searched(scored: ScoredSet) -> Iterator[Block]:
    """The configurations that were tried and not chosen."""
    if scored.data.searched:
        yield "Tried and left at validation, where another value did better:"
        rows = tuple(map(_searched_row, scored.data.searched))
        yield Grid(("method", "seeds", "metric", "validation"), rows)


def _searched_row(line: Line) -> tuple[str, ...]:
    score = validation_score(line)
    shown = NOTHING if score is None else f"{score:.4f}"
    return (line.name, str(len(line.runs)), str(line.settings["train.metric"]), shown)
