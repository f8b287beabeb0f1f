"""Table 3: the calibration error of each method, by the paper's definition and by Guo's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefprop_cli.calibration.ece import PAPER_BINS, Mode, Null, expected_null_error, softmax
from prefprop_cli.report.baselines import Baseline, Floor
from prefprop_cli.report.comparison_text import (
    introduction,
    set_record,
    told_comparisons,
    told_missing,
    told_order,
)
from prefprop_cli.report.comparisons import compare, compare_order
from prefprop_cli.report.page import NOTHING, SHARE, Block, Grid, Page, between, spread
from prefprop_cli.report.scores import ScoredLine, ScoredSet

TITLE = "Table 3: expected calibration error, mean ± standard deviation over seeds"
_MODES: dict[str, Mode] = {"ece_paper": "paper", "ece": "guo"}


@dataclass(frozen=True)
class Chance:
    """The ECE of perfectly calibrated models with a line's confidences, means over its seeds."""

    mean: float
    p95: float


def table_3(sets: Sequence[ScoredSet], floors: Sequence[Floor]) -> Page:
    """Both errors beside what chance gives a calibrated model, and propagation compared by Guo's.

    Args:
        sets: scored on one split.
        floors: the baselines of each.
    """
    comparisons = compare(sets, metric="ece")
    family = sum(each.p_holm is not None for of_set in comparisons for each in of_set)
    blocks: list[Block] = []
    records = []
    for scored, floor, compared in zip(sets, floors, comparisons, strict=True):
        chances = {each.name: _chances(each, scored) for each in scored.lines}
        order = compare_order(scored, "ece_paper")
        blocks += [*introduction(scored, floor), _errors(scored, floor, chances)]
        blocks += told_missing(scored.lines, tuple(_MODES))
        blocks += told_comparisons(compared, family=family, unit=SHARE)
        blocks += [told_order(order)] if order else []
        record = set_record(scored, floor, compared, order, tuple(_MODES))
        records.append({**record, "calibrated_by_chance": _plain(chances)})
    blocks.append(
        "The paper's definition: 10 bins, each held against its upper edge, so that no model "
        "reaches 0. Calibrated: the mean and the 95th percentile of a model that is perfectly "
        "calibrated at these confidences. The 95 % are over seeds and documents."
    )
    return Page("table-3", TITLE, tuple(blocks), {"table": "3", "sets": records})


def _errors(scored: ScoredSet, floor: Floor, chances: dict[str, dict[str, Chance]]) -> Grid:
    header = ("method", "seeds", "ECE by the paper's", "95 %", "calibrated", "paper")
    bins = f"ECE, {scored.settings.bins} bins"
    rows = [_row(each, chances[each.name]) for each in scored.lines]
    rows += [_baseline_row(each) for each in floor.baselines if "ece" in each.figures]
    return Grid((*header, bins, "95 %", "calibrated"), tuple(rows))


def _row(each: ScoredLine, chances: dict[str, Chance]) -> tuple[str, ...]:
    cells = {
        name: (
            spread(each.estimates[name], SHARE),
            between(each.estimates[name].overall, SHARE),
            f"{SHARE.show(chances[name].mean)} / {SHARE.show(chances[name].p95)}",
        )
        for name in _MODES
    }
    paper = SHARE.show(each.paper["ece_paper"]) if "ece_paper" in each.paper else NOTHING
    return (each.name, str(len(each.seeds)), *cells["ece_paper"], paper, *cells["ece"])


def _baseline_row(each: Baseline) -> tuple[str, ...]:
    cells = {
        name: (SHARE.show(each.figures[name]), between(each.intervals.get(name), SHARE), NOTHING)
        for name in _MODES
    }
    return (each.name, NOTHING, *cells["ece_paper"], NOTHING, *cells["ece"])


def _chances(each: ScoredLine, scored: ScoredSet) -> dict[str, Chance]:
    probs = [softmax(logits) for logits in each.logits]
    return {
        name: _mean(
            [
                expected_null_error(
                    of_seed,
                    n_bins=PAPER_BINS if mode == "paper" else scored.settings.bins,
                    mode=mode,
                    n_resamples=scored.settings.resamples,
                )
                for of_seed in probs
            ]
        )
        for name, mode in _MODES.items()
    }


def _mean(nulls: Sequence[Null]) -> Chance:
    means, p95 = [null.mean for null in nulls], [null.p95 for null in nulls]
    return Chance(float(np.mean(means)), float(np.mean(p95)))


def _plain(chances: dict[str, dict[str, Chance]]) -> dict[str, object]:
    return {
        line: {metric: vars(chance) for metric, chance in of_line.items()}
        for line, of_line in chances.items()
    }
