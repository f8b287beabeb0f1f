"""Each variant beside one of them: how far apart they are, and whether these seeds can tell."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from math import isnan, nan

import numpy as np

from prefprop_cli.report.paper import PROPAGATION
from prefprop_cli.report.scores import ScoredSet, ScoredVariant, difference
from prefprop_cli.stats import seeds
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.tasks.metrics import LOWER_IS_BETTER

ALPHA = 0.05
First = Callable[[Sequence[ScoredVariant]], ScoredVariant | None]


@dataclass(frozen=True)
class Comparison:
    """One variant minus another, in one metric of one data set."""

    metric: str
    first: str
    second: str
    n: tuple[int, int]
    """Seeds of both."""
    difference: float
    interval: Interval | None
    """Of the difference, over seeds and documents, the same ones for both; so is `p_paired`."""
    p_paired: float | None
    why: str
    """What keeps both from being given, if they are not. Tests over seeds are not made then: they
    would say that the seeds differ on documents that are too few to speak of others."""
    detectable_sd: float
    """What these numbers of seeds show in 80 % of cases, in standard deviations over seeds; NaN
    with one seed."""
    detectable: float
    """The same in the unit of the metric, at the standard deviation that was seen."""
    welch: seeds.WelchTest | None
    """None with one seed, without any spread, or with too few documents; so are the next two."""
    effect: seeds.Effect | None
    permutation: seeds.PermutationTest | None
    p_holm: float | None = None
    """Welch's p-value, corrected for the number of comparisons; None without one."""

    @property
    def verdict(self) -> str:
        """What the seeds say, in words."""
        if self.p_holm is None:
            return "cannot be told"
        if self.p_holm > ALPHA:
            return "no difference shown"
        lower_is_better = self.metric in LOWER_IS_BETTER
        return "better" if (self.difference < 0) == lower_is_better else "worse"

    def as_dict(self) -> dict[str, object]:
        """Return all of it as JSON types."""
        return {**asdict(self), "verdict": self.verdict}


@dataclass(frozen=True)
class Order:
    """The methods that the paper has too, best first, in our figures and in the paper's."""

    metric: str
    ours: tuple[str, ...]
    paper: tuple[str, ...]
    reversed: tuple[tuple[str, str], ...]
    """Pairs that stand in one order here and in the other there."""


def reference(variants: Sequence[ScoredVariant]) -> ScoredVariant | None:
    """Pick the variant of plain propagation whose settings are most like other methods'."""
    mine = [each for each in variants if each.method == PROPAGATION]
    others = [each.settings for each in variants if each.method != PROPAGATION]

    def n_differing(each: ScoredVariant) -> int:
        own = each.settings
        return sum(own[key] != other[key] for other in others for key in own.keys() & other.keys())

    return min(mine, key=n_differing, default=None)


def compare(
    sets: Sequence[ScoredSet], *, metric: str | None = None, first: First = reference
) -> list[list[Comparison]]:
    """Compare every variant with the first one of its set, set by set; Holm's family is all.

    The sets are scored on the same split; the metric is by default the one that decides in each.
    The list of a set is empty where the first or another variant is missing.
    """
    found = []
    for each in sets:
        one, decisive = first(each.variants), metric or each.metric
        others = [other for other in each.variants if other is not one]
        found.append([_comparison(one, other, decisive) for other in others] if one else [])
    tested = [c.welch.p_value for comparisons in found for c in comparisons if c.welch]
    corrected = iter(seeds.holm(tested))
    return [
        [replace(c, p_holm=next(corrected)) if c.welch else c for c in comparisons]
        for comparisons in found
    ]


def compare_order(scored: ScoredSet, metric: str) -> Order | None:
    """Order the methods in ours and the paper's figures; None with fewer than two of its.

    A method with several variants stands there with its best one.
    """
    sign = 1 if metric in LOWER_IS_BETTER else -1
    known = [each for each in scored.variants if metric in each.paper]
    ranked = sorted(known, key=lambda each: sign * each.mean(metric))
    best = {each.method: each for each in reversed(ranked)}
    if len(best) < 2:
        return None
    ours = {name: sign * each.mean(metric) for name, each in best.items()}
    paper = {name: sign * each.paper[metric] for name, each in best.items()}
    in_order = sorted(ours, key=lambda name: ours[name])
    return Order(
        metric=metric,
        ours=tuple(in_order),
        paper=tuple(sorted(paper, key=lambda name: paper[name])),
        reversed=tuple(
            (a, b)
            for a, b in combinations(in_order, 2)
            if (ours[a] - ours[b]) * (paper[a] - paper[b]) < 0
        ),
    )


def _comparison(first: ScoredVariant, second: ScoredVariant, metric: str) -> Comparison:
    x, y = first.values(metric), second.values(metric)
    detectable_sd = seeds.minimum_detectable_effect(len(x), len(y))
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
        detectable=nan if isnan(detectable_sd) else detectable_sd * seeds.pooled_sd(x, y),
        welch=None if why else seeds.welch_test(x, y),
        effect=None if why else seeds.hedges_g(x, y),
        permutation=None if why else seeds.permutation_test(x, y),
    )
