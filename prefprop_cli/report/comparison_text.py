"""The words, rows and records that tables 2 and 3 and pairwise comparisons share."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from prefprop_cli.report.baselines import Baselines
from prefprop_cli.report.comparisons import Comparison, Order
from prefprop_cli.report.page import (
    NOTHING,
    Block,
    Grid,
    Heading,
    Unit,
    missing_intervals,
    p_value,
)
from prefprop_cli.report.paper import has_papers_backbone, long_backbone_name, papers_backbone
from prefprop_cli.report.scores import ScoredSet, ScoredVariant
from prefprop_cli.words import plural

SHORT = {
    "precision_macro": "P macro",
    "recall_macro": "R macro",
    "f1_micro": "F1 micro",
    "precision_binary": "P",
    "recall_binary": "R",
    "f1_binary": "F1",
    "accuracy": "accuracy",
    "ece": "ECE",
    "nll": "NLL",
    "ece_paper": "ECE by the paper's definition",
}
_LEAKS = {
    ("hyperpartisan", "reference"): "leak: most of these articles are in the training split, too",
    ("wikihop", "dev"): "leak: the best epoch was chosen on these questions",
}
"""By set and split; of runs that did not keep what their data warned of."""


def introduction(scored: ScoredSet, baselines: Baselines) -> tuple[Heading, str]:
    """Introduce a set: its documents, how far its figures can be held against the paper's."""
    n_classes = f", {scored.n_classes} classes" if scored.n_classes else ""
    parts = [f"{len(scored.ids)} documents of {scored.split}{n_classes}"]
    others = [each for each in scored.variants if not has_papers_backbone(each.config)]
    if others and any(each.paper for each in others):
        found = ", ".join(dict.fromkeys(long_backbone_name(each.config) for each in others))
        wanted = ", ".join(dict.fromkeys(papers_backbone(e.config) for e in others))
        parts.append(f"the backbone is {found}, the paper's is {wanted}")
    if scored.split != "validation":
        if scored.data.set == "hyperpartisan":
            parts.append("the paper's figures are of its validation split")
        leak = _LEAKS.get((scored.data.set, scored.variants[0].config.data.split))
        if leak and baselines.warnings is None:
            parts.append(leak)
    parts += [*(baselines.warnings or ()), *baselines.notes]
    sentences = (part[0].upper() + part[1:].rstrip(".") for part in parts)
    return Heading(scored.data.name), ". ".join(sentences) + "."


def comparison_blocks(
    comparisons: Sequence[Comparison], *, family: Iterable[Comparison], unit: Unit
) -> Iterator[Block]:
    """Say what these seeds can find, then what they found in one metric of one set.

    `family` is all of those that Holm's correction is for, of all sets.
    """
    if not comparisons:
        return
    n_tested = sum(each.p_holm is not None for each in family)
    first, metric = comparisons[0].first, SHORT[comparisons[0].metric]
    yield from dict.fromkeys(map(_power, comparisons))
    yield Grid.of(
        comparisons,
        (f"{first} beside", lambda each: each.second),
        (f"{metric} +", lambda each: f"{unit.scale * each.difference:+.{unit.digits}f}"),
        ("95 %", lambda each: unit.between(each.interval)),
        ("p", lambda each: p_value(each.p_paired)),
        ("detectable", lambda each: unit.show(each.detectable) if each.permutation else NOTHING),
        ("g", lambda each: f"{each.effect.g:.2f}" if each.effect else NOTHING),
        ("95 %", lambda each: Unit(1, 1).between(each.effect.interval if each.effect else None)),
        ("p Welch", lambda each: p_value(each.welch.p_value if each.welch else None)),
        ("Holm", lambda each: p_value(each.p_holm)),
        ("permuted", lambda each: p_value(each.permutation.p_value if each.permutation else None)),
        ("verdict", lambda each: each.verdict),
    )
    for why, without in groupby(comparisons, key=lambda each: each.why):
        if why:
            names = ", ".join(each.second for each in without)
            yield f"No interval and no p for {metric} of {first} beside {names}: {why}."
    tested = (
        " g is Hedges'; Holm's p is Welch's, corrected for the number of comparisons "
        f"({n_tested}), and the verdict on {first} goes by it, at 0.05."
    )
    yield (
        "The 95 % of the difference and their p are over seeds and documents, the same ones for "
        "both." + (tested if n_tested else "")
    )


def missing(variants: Sequence[ScoredVariant], metrics: Sequence[str]) -> Iterator[str]:
    """Say which figures of which variants have no interval over seeds and documents, and why."""
    for metric in metrics:
        whys = ((each.name, each.estimates[metric].why) for each in variants)
        yield from missing_intervals(whys, of=f"{SHORT[metric]} of {{}}")


def order_of(order: Order) -> str:
    """Say where the order of the methods differs from the paper's."""
    what, ours, paper = SHORT[order.metric], " > ".join(order.ours), " > ".join(order.paper)
    if not order.reversed:
        return f"The order by mean {what} is the paper's: {ours}, best first."
    pairs = ", ".join(f"{better} beats {worse}" for better, worse in order.reversed)
    return (
        f"The order by mean {what} is not the paper's: here {ours}, best first; there {paper}. "
        f"Only here {pairs}."
    )


def set_record(
    scored: ScoredSet,
    baselines: Baselines,
    comparisons: Sequence[Comparison],
    order: Order | None,
    metrics: Sequence[str],
) -> dict[str, object]:
    """Return all that a table knows of a set, as JSON types."""
    return {
        "set": scored.data.set,
        "name": scored.data.name,
        "split": scored.split,
        "n_documents": len(scored.ids),
        "n_classes": scored.n_classes,
        "positive": scored.positive,
        "notes": list(baselines.notes),
        "warnings": list(baselines.warnings or ()),
        "lines": [variant_record(each, metrics) for each in scored.variants],
        "baselines": [each.as_dict() for each in baselines.found],
        "comparisons": [each.as_dict() for each in comparisons],
        "order": asdict(order) if order else None,
    }


def variant_record(each: ScoredVariant, metrics: Sequence[str]) -> dict[str, object]:
    """Return a variant with its figures in some metrics, as JSON types."""
    return {
        "method": each.method,
        "name": each.name,
        "settings": dict(each.settings),
        "papers_backbone": has_papers_backbone(each.config),
        "runs": [str(run.folder.path) for run in each.runs],
        "seeds": [run.seed for run in each.runs],
        "metrics": {
            name: {**asdict(each.estimates[name]), "values": each.values(name)} for name in metrics
        },
        "paper": {name: each.paper[name] for name in metrics if name in each.paper},
    }


def _power(each: Comparison) -> str:
    n, m = each.n
    if min(each.n) < 2:
        return (
            f"{n} beside {plural(m, 'seed')}: nothing can be said of other seeds, and the 95 % "
            "below are those of these very models on other documents."
        )
    test = each.permutation
    least = f" No permutation p can be under {p_value(test.least)}." if test else ""
    return (
        f"{n} beside {m} seeds find a difference of {each.detectable_sd:.2f} standard deviations "
        f"over seeds in 80 % of cases (two-sided, at 0.05), below in the unit of the metric.{least}"
    )
