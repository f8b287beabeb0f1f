"""Table 2: precision, recall and F1 (WikiHop: accuracy) of each method on each data set."""

from collections.abc import Iterator, Sequence
from itertools import chain

from prefprop_cli.report.baselines import Baselines
from prefprop_cli.report.comparison_text import (
    SHORT,
    comparison_blocks,
    introduction,
    missing_text,
    n_tested,
    order_text,
    set_record,
)
from prefprop_cli.report.comparisons import compare, compare_order
from prefprop_cli.report.groups import unusual_settings, usual_settings, validation_score
from prefprop_cli.report.page import NOTHING, PERCENT, Block, Grid, Page, Unit
from prefprop_cli.report.scores import ScoredSet, ScoredVariant

TITLE = "Table 2: scores in %, mean ± standard deviation over seeds"


def table_2(sets: Sequence[ScoredSet], baselines: Sequence[Baselines]) -> Page:
    """Ours beside the paper's, the baselines of each set, and propagation beside each method."""
    comparisons = compare(sets)
    family = n_tested([*chain(*comparisons)])
    blocks: list[Block] = []
    records = []
    for scored, below, compared in zip(sets, baselines, comparisons, strict=True):
        order = compare_order(scored, scored.metric)
        blocks += [*introduction(scored, below), _scores(scored, below)]
        if scored.metric == "f1_binary":
            blocks.append(f'Precision, recall and F1 are of the class "{scored.positive}".')
        blocks += [*missing_text(scored.variants, [scored.metric]), *_settings(scored)]
        blocks += comparison_blocks(compared, family=family, unit=PERCENT)
        blocks += [order_text(order)] if order else []
        records.append(set_record(scored, below, compared, order, scored.shown))
    return Page("table-2", TITLE, tuple(blocks), {"table": "2", "sets": records})


def _scores(scored: ScoredSet, baselines: Baselines) -> Grid:
    last = f"95 % of {SHORT[scored.metric]}"
    metrics = [SHORT[column] for column in scored.shown]
    header = ("method", "seeds", *metrics, f"{last}, seeds", "with documents", "paper")
    rows = [tuple(_row(each, scored)) for each in scored.variants]
    for each in baselines.found:
        figures = (PERCENT.show(each.figures[column]) for column in scored.shown)
        interval = PERCENT.between(each.intervals.get(scored.metric))
        rows.append((each.name, NOTHING, *figures, NOTHING, interval, NOTHING))
    return Grid(header, tuple(rows))


def _row(each: ScoredVariant, scored: ScoredSet) -> Iterator[str]:
    yield from (each.name, str(len(each.seeds)))
    for column in scored.shown:
        yield PERCENT.spread(each.estimates[column].seeds)
    last = each.estimates[scored.metric]
    yield from (PERCENT.between(last.seeds.interval), PERCENT.between(last.overall))
    paper = [PERCENT.show(each.paper[name]) for name in scored.columns if name in each.paper]
    yield "/".join(paper) or NOTHING


def _settings(scored: ScoredSet) -> Iterator[Block]:
    """What else is not the same for all variants, and those that were tried and not chosen."""
    variants = scored.data.variants
    usual = usual_settings(variants)
    parts = [
        f"{key} = {usual[key]}, but "
        + ", ".join(f"{each.settings[key]} in {each.name}" for each in others)
        for key, others in unusual_settings(variants).items()
    ]
    if parts:
        yield f"Not the same for all: {'; '.join(parts)}."
    if searched := scored.data.searched:
        yield "Tried and left at validation, where another value did better:"
        yield Grid.of(
            searched,
            ("method", lambda each: each.name),
            ("seeds", lambda each: str(len(each.runs))),
            ("metric", lambda each: str(each.settings["train.metric"])),
            ("validation", lambda each: Unit(1, 4).show(validation_score(each))),
        )
