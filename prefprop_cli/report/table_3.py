"""Table 3: the calibration error of each method, by the paper's definition and by Guo's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np

from prefprop_cli.calibration.bins import PAPER_BINS, Mode
from prefprop_cli.calibration.null import expected_null_error
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.report import comparison_text as text
from prefprop_cli.report.baselines import Baselines, Row
from prefprop_cli.report.comparisons import compare, compare_order
from prefprop_cli.report.page import NOTHING, SHARE, Block, Grid, Page
from prefprop_cli.report.scores import ScoredSet, ScoredVariant

TITLE = "Table 3: expected calibration error, mean ± standard deviation over seeds"
_MODES: dict[str, Mode] = {"ece_paper": "paper", "ece": "guo"}

Chance = Mapping[str, Mapping[str, float]]
"""By error, the `mean` and `p95` of perfectly calibrated models with a variant's confidences,
means over its seeds."""


def table_3(sets: Sequence[ScoredSet], baselines: Sequence[Baselines]) -> Page:
    """Show both errors beside what chance gives, and propagation beside others by Guo's.

    The baselines are those of each set.
    """
    comparisons = compare(sets, metric="ece")
    blocks: list[Block] = []
    records = []
    for scored, below, compared in zip(sets, baselines, comparisons, strict=True):
        chances = {each.name: _chance(each, scored) for each in scored.variants}
        order = compare_order(scored, "ece_paper")
        blocks += [*text.introduction(scored, below), _errors(scored, below, chances)]
        blocks += text.missing(scored.variants, tuple(_MODES))
        blocks += text.comparison_blocks(compared, family=chain(*comparisons), unit=SHARE)
        blocks += [text.order_of(order)] if order else []
        record = text.set_record(scored, below, compared, order, tuple(_MODES))
        records.append({**record, "calibrated_by_chance": chances})
    blocks.append(
        "The paper's definition: 10 bins, each held against its upper edge, so that no model "
        "reaches 0. By chance: the mean and the 95th percentile of a model that is perfectly "
        "calibrated at these confidences. The 95 % are over seeds and documents."
    )
    return Page("table-3", TITLE, tuple(blocks), {"table": "3", "sets": records})


def _errors(scored: ScoredSet, baselines: Baselines, chances: Mapping[str, Chance]) -> Grid:
    def of(metric: str, title: str) -> Iterator[tuple[str, Callable[[Row], str]]]:
        yield title, lambda each: SHARE.spread(each.estimates[metric].seeds)
        yield "95 %", lambda each: SHARE.between(each.estimates[metric].overall)
        yield "by chance", lambda each: _shown(chances.get(each.name, {}).get(metric))

    return Grid.of(
        [row for row in baselines.below(scored) if "ece" in row.estimates],
        ("method", lambda each: each.name),
        ("seeds", lambda each: str(len(each.seeds) or NOTHING)),
        *of("ece_paper", "ECE by the paper's"),
        ("paper", lambda each: SHARE.show(each.paper.get("ece_paper"))),
        *of("ece", f"ECE, {scored.settings.bins} bins"),
    )


def _shown(chance: Mapping[str, float] | None) -> str:
    return f"{SHARE.show(chance['mean'])} / {SHARE.show(chance['p95'])}" if chance else NOTHING


def _chance(each: ScoredVariant, scored: ScoredSet) -> Chance:
    tops = [softmax(logits).max(axis=1) for logits in each.logits]
    found = {}
    for name, mode in _MODES.items():
        n_bins = PAPER_BINS if mode == "paper" else scored.settings.bins
        n = scored.settings.resamples
        nulls = [expected_null_error(top, n_bins=n_bins, mode=mode, n_resamples=n) for top in tops]
        found[name] = {
            "mean": float(np.mean([errors.mean() for errors in nulls])),
            "p95": float(np.mean([np.quantile(errors, 0.95) for errors in nulls])),
        }
    return found
