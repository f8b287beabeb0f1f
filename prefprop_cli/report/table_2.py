"""Table 2: precision, recall and F1 (WikiHop: accuracy) of each method on each data set."""

from collections.abc import Iterator, Sequence
from itertools import chain

from prefprop_cli.report import comparison_text as text
from prefprop_cli.report.baselines import Baselines, Row
from prefprop_cli.report.comparisons import compare, compare_order
from prefprop_cli.report.groups import unusual_settings, usual_settings, validation_score
from prefprop_cli.report.page import NOTHING, PERCENT, Block, Grid, Page, Unit
from prefprop_cli.report.scores import ScoredSet

TITLE = "Table 2: scores in %, mean ± standard deviation over seeds"


def table_2(sets: Sequence[ScoredSet], baselines: Sequence[Baselines]) -> Page:
    """Show ours beside the paper's, the baselines, and propagation beside each method."""
    comparisons = compare(sets)
    blocks: list[Block] = []
    records = []
    for scored, below, compared in zip(sets, baselines, comparisons, strict=True):
        order = compare_order(scored, scored.metric)
        blocks += [*text.introduction(scored, below), _scores(scored, below)]
        if scored.metric == "f1_binary":
            blocks.append(f'Precision, recall and F1 are of the class "{scored.positive}".')
        blocks += [*text.missing(scored.variants, [scored.metric]), *_settings(scored)]
        blocks += text.comparison_blocks(compared, family=chain(*comparisons), unit=PERCENT)
        blocks += [text.order_of(order)] if order else []
        records.append(text.set_record(scored, below, compared, order, scored.shown))
    return Page("table-2", TITLE, tuple(blocks), {"table": "2", "sets": records})


def _scores(scored: ScoredSet, baselines: Baselines) -> Grid:
    metric, short = scored.metric, text.SHORT[scored.metric]

    def papers(each: Row) -> str:
        found = [PERCENT.show(each.paper[name]) for name in scored.columns if name in each.paper]
        return "/".join(found) or NOTHING

    return Grid.of(
        baselines.below(scored),
        ("method", lambda each: each.name),
        ("seeds", lambda each: str(len(each.seeds) or NOTHING)),
        *(
            (text.SHORT[name], lambda each, of=name: PERCENT.spread(each.estimates[of].seeds))
            for name in scored.shown
        ),
        (f"95 % of {short}, seeds", lambda e: PERCENT.between(e.estimates[metric].seeds.interval)),
        ("with documents", lambda each: PERCENT.between(each.estimates[metric].overall)),
        ("paper", papers),
    )


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
