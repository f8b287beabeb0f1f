"""Each method beside one of them: how far apart they are, and whether these seeds can tell."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from math import isnan, nan

import numpy as np

from prefprop_cli.report.estimates import difference
from prefprop_cli.report.groups import Line
from prefprop_cli.report.methods import PROPAGATION
from prefprop_cli.report.scores import ScoredLine, ScoredSet
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.seeds import (
    Effect,
    PermutationTest,
    WelchTest,
    hedges_g,
    holm,
    minimum_detectable_effect,
    permutation_test,
    pooled_sd,
    welch_test,
)
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER

ALPHA = 0.05
First = Callable[[Sequence[ScoredLine]], ScoredLine | None]


@dataclass(frozen=True)
class Comparison:
    """One line minus another, in one metric of one data set.

    Attributes:
        first: the name of the line the others are compared with, such as propagation.
        second: that of the other.
        n: seeds of both.
        difference: of the means.
        interval: of the difference, over seeds and documents, the same ones for both.
        p_paired: of no difference, in the same way.
        why: what keeps both from being given, if they are not. Tests over seeds are not made then:
            they would say that the seeds differ on documents that are too few to speak of others.
        detectable_sd: the difference that these numbers of seeds show in 80 % of cases, in
            standard deviations over seeds; NaN with one seed.
        detectable: the same in the unit of the metric, at the standard deviation that was seen.
        welch, effect, permutation: over seeds; None with one seed, without any spread, or with
            too few documents.
        p_holm: Welch's p-value, corrected for the number of comparisons; None without one.
    """

    metric: str
    first: str
    second: str
    n: tuple[int, int]
    difference: float
    interval: Interval | None
    p_paired: float | None
    why: str
    detectable_sd: float
    detectable: float
    welch: WelchTest | None
    effect: Effect | None
    permutation: PermutationTest | None
    p_holm: float | None = None

    @property
    def verdict(self) -> str:
        """What the seeds say, in a word."""
        if self.p_holm is None:
            return "cannot be told"
        if self.p_holm > ALPHA:
            return "no difference shown"
        lower_is_better = self.metric in LOWER_IS_BETTER
        return "better" if (self.difference < 0) == lower_is_better else "worse"

    def as_dict(self) -> dict[str, object]:
        """All of it as JSON types."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Order:
    """The methods that the paper has too, best first, in our figures and in the paper's.

    Attributes:
        reversed: pairs that stand in one order here and in the other there.
    """

    metric: str
    ours: tuple[str, ...]
    paper: tuple[str, ...]
    reversed: tuple[tuple[str, str], ...]


def compare(
    sets: Sequence[ScoredSet], *, metric: str | None = None, first: First | None = None
) -> list[list[Comparison]]:
    """Compare every line with one of its set, set by set; Holm's family is all of them.

    Args:
        sets: scored on the same split.
        metric: default: the one that decides in each set.
        first: picks the line the others are compared with; default: `reference`.

    Returns:
        A list for each set; empty where the first or another line is missing.
    """
    pick = first or reference
    found = [list(_comparisons(each, pick(each.lines), metric or each.metric)) for each in sets]
    tested = [c.welch.p_value for comparisons in found for c in comparisons if c.welch]
    corrected = iter(holm(tested))
    return [
        [replace(c, p_holm=next(corrected)) if c.welch else c for c in comparisons]
        for comparisons in found
    ]


def reference(lines: Sequence[ScoredLine]) -> ScoredLine | None:
    """The line of plain propagation that differs from the other methods in the fewest settings."""
    others = [each for each in lines if each.line.method != PROPAGATION]
    mine = [each for each in lines if each.line.method == PROPAGATION]
    return min(
        mine,
        key=lambda each: sum(_n_differing(each.line, other.line) for other in others),
        default=None,
    )


def compare_order(scored: ScoredSet, metric: str) -> Order | None:
    """Our order of the methods beside the paper's; None with fewer than two of its methods.

    A method with several lines stands there with its best one.
    """
    sign = 1 if metric in LOWER_IS_BETTER else -1
    known = [each for each in scored.lines if metric in each.paper]
    ranked = sorted(known, key=lambda each: sign * each.estimates[metric].seeds.mean)
    best = {each.line.method: each for each in reversed(ranked)}
    if len(best) < 2:
        return None
    ours = {name: sign * each.estimates[metric].seeds.mean for name, each in best.items()}
    paper = {name: sign * each.paper[metric] for name, each in best.items()}
    return Order(
        metric=metric,
        ours=tuple(sorted(ours, key=lambda name: ours[name])),
        paper=tuple(sorted(paper, key=lambda name: paper[name])),
        reversed=tuple(
            (a, b)
            for a, b in combinations(sorted(ours, key=lambda name: ours[name]), 2)
            if (ours[a] - ours[b]) * (paper[a] - paper[b]) < 0
        ),
    )


def _comparisons(scored: ScoredSet, first: ScoredLine | None, metric: str) -> Iterator[Comparison]:
    for second in scored.lines:
        if first is not None and second is not first:
            yield _comparison(first, second, metric)


def _comparison(first: ScoredLine, second: ScoredLine, metric: str) -> Comparison:
    x, y = first.values(metric), second.values(metric)
    detectable_sd = minimum_detectable_effect(len(x), len(y))
    found = difference(first.seeds, second.seeds, metric)
    why = found if isinstance(found, str) else ""
    return Comparison(
        metric=metric,
        first=first.name,
        second=second.name,
        n=(len(x), len(y)),
        difference=float(np.mean(x) - np.mean(y)),
        interval=None if isinstance(found, str) else found.interval,
        p_paired=None if isinstance(found, str) else found.p_value,
        why=why,
        detectable_sd=detectable_sd,
        detectable=nan if isnan(detectable_sd) else detectable_sd * pooled_sd(x, y),
        welch=None if why else welch_test(x, y),
        effect=None if why else hedges_g(x, y),
        permutation=None if why else permutation_test(x, y),
    )


def _n_differing(one: Line, other: Line) -> int:
    shared = one.settings.keys() & other.settings.keys()
    return sum(one.settings[key] != other.settings[key] for key in shared)
