"""Table 3: the calibration error of each method, by the paper's definition and by Guo's."""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from prefprop_cli.calibration.bins import PAPER_BINS, Mode
from prefprop_cli.calibration.null import expected_null_error
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.report.baselines import Baselines
from prefprop_cli.report.comparison_text import (
    comparison_blocks,
    introduction,
    missing_text,
    n_tested,
    order_text,
    set_record,
)
from prefprop_cli.report.comparisons import compare, compare_order
from prefprop_cli.report.page import NOTHING, SHARE, Block, Grid, Page
from prefprop_cli.report.scores import ScoredSet, ScoredVariant

TITLE = "Table 3: expected calibration error, mean ± standard deviation over seeds"
_MODES: dict[str, Mode] = {"ece_paper": "paper", "ece": "guo"}

Chance = Mapping[str, Mapping[str, float]]
"""By error, the `mean` and `p95` of perfectly calibrated models with a variant's confidences,
means over its seeds."""


def table_3(sets: Sequence[ScoredSet], baselines: Sequence[Baselines]) -> Page:
    """Both errors beside what chance gives a calibrated model, and propagation compared by Guo's.

    The baselines are those of each set.
    """
    comparisons = compare(sets, metric="ece")
    family = n_tested([*chain(*comparisons)])
    blocks: list[Block] = []
    records = []
    for scored, below, compared in zip(sets, baselines, comparisons, strict=True):
        chances = {each.name: _chance(each, scored) for each in scored.variants}
        order = compare_order(scored, "ece_paper")
        blocks += [*introduction(scored, below), _errors(scored, below, chances)]
        blocks += missing_text(scored.variants, tuple(_MODES))
        blocks += comparison_blocks(compared, family=family, unit=SHARE)
        blocks += [order_text(order)] if order else []
        record = set_record(scored, below, compared, order, tuple(_MODES))
        records.append({**record, "calibrated_by_chance": chances})
    blocks.append(
        "The paper's definition: 10 bins, each held against its upper edge, so that no model "
        "reaches 0. By chance: the mean and the 95th percentile of a model that is perfectly "
        "calibrated at these confidences. The 95 % are over seeds and documents."
    )
    return Page("table-3", TITLE, tuple(blocks), {"table": "3", "sets": records})


def _errors(scored: ScoredSet, baselines: Baselines, chances: Mapping[str, Chance]) -> Grid:
    bins = f"ECE, {scored.settings.bins} bins"
    header = ("method", "seeds", "ECE by the paper's", "95 %", "by chance", "paper")
    rows = [_row(each, chances[each.name]) for each in scored.variants]
    for each in baselines.found:
        if "ece" in each.figures:
            theirs, ours = (
                (SHARE.show(each.figures[name]), SHARE.between(each.intervals.get(name)), NOTHING)
                for name in _MODES
            )
            rows.append((each.name, NOTHING, *theirs, NOTHING, *ours))
    return Grid((*header, bins, "95 %", "by chance"), tuple(rows))


def _row(each: ScoredVariant, chance: Chance) -> tuple[str, ...]:
    theirs, ours = (
        (
            SHARE.spread(each.estimates[name].seeds),
            SHARE.between(each.estimates[name].overall),
            f"{SHARE.show(chance[name]['mean'])} / {SHARE.show(chance[name]['p95'])}",
        )
        for name in _MODES
    )
    paper = SHARE.show(each.paper.get("ece_paper"))
    return (each.name, str(len(each.seeds)), *theirs, paper, *ours)


def _chance(each: ScoredVariant, scored: ScoredSet) -> Chance:
    confidences = [softmax(logits).max(axis=1) for logits in each.logits]
    found = {}
    for name, mode in _MODES.items():
        n_bins = PAPER_BINS if mode == "paper" else scored.settings.bins
        n = scored.settings.resamples
        nulls = [
            expected_null_error(confidence, n_bins=n_bins, mode=mode, n_resamples=n)
            for confidence in confidences
        ]
        found[name] = {
            "mean": float(np.mean([null.mean for null in nulls])),
            "p95": float(np.mean([null.p95 for null in nulls])),
        }
    return found
