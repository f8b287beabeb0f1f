"""Figure 2: F1 of every seed, method by method."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from prefprop_cli.report import drawing
from prefprop_cli.report.comparison_text import SHORT
from prefprop_cli.report.page import PERCENT, Grid, Heading, Page
from prefprop_cli.report.scores import ScoredSet

TITLE = "Figure 2: the score of every seed, in %"
_SPAN = 20.0
"""Points that the axis has at least; fewer would make much of what a document more or less does."""


def figure_2(sets: Sequence[ScoredSet]) -> Page:
    """Give the numbers of the picture, and what draws it."""
    blocks = [block for each in sets for block in (Heading(each.data.name), _grid(each))]
    record = {
        scored.data.name: {
            each.name: dict(zip([run.seed for run in each.runs], values, strict=True))
            for each in scored.variants
            if (values := each.values(scored.metric))
        }
        for scored in sets
    }
    draw = partial(draw_2, sets)
    return Page("figure-2", TITLE, tuple(blocks), {"figure": "2", "sets": record}, draw)


def _grid(scored: ScoredSet) -> Grid:
    metric = scored.metric
    return Grid.of(
        scored.variants,
        ("method", lambda each: each.name),
        (f"mean {SHORT[metric]}", lambda each: PERCENT.show(each.mean(metric))),
        ("of each seed", lambda each: " ".join(map(PERCENT.show, each.values(metric)))),
        ("paper's mean", lambda each: PERCENT.show(each.paper.get(metric))),
    )


def draw_2(sets: Sequence[ScoredSet]) -> drawing.Figure:
    """Draw a point for each seed, a bar at the mean of several, a diamond at the paper's mean."""
    found = drawing.colours(each.name for scored in sets for each in scored.variants)
    heights = [0.75 + 0.34 * len(scored.variants) for scored in sets]
    with drawing.new_figure(7.6, sum(heights) + 0.5) as figure:
        panels = figure.subplots(len(sets), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, scored in zip(panels, sets, strict=True):
            _draw_set(axes, scored, found)
        drawing.legend_below(figure)
    return figure


def _draw_set(axes: drawing.Axes, scored: ScoredSet, colour_of: dict[str, str]) -> None:
    metric = scored.metric
    for place, each in enumerate(scored.variants):
        values = 100 * np.array(each.values(metric))
        spread = np.linspace(-0.14, 0.14, len(values)) if len(values) > 1 else np.zeros(1)
        (points,) = axes.plot(values, place + spread, "o", color=colour_of[each.name])
        points.set(alpha=0.75, markersize=5, clip_on=False)
        if len(values) > 1:
            ends = place - 0.3, place + 0.3
            axes.vlines(values.mean(), *ends, color=drawing.INK, linewidth=1.6, label="mean")
        if metric in each.paper:
            paper = 100 * each.paper[metric]
            label = "the paper's mean"
            axes.plot(paper, place, "D", markerfacecolor="none", color=drawing.QUIET, label=label)
    axes.plot([], [], "o", markersize=5, color=drawing.QUIET, label="one seed")
    axes.locator_params(axis="x", steps=[1, 2, 5, 10])
    axes.set_xlim(drawing.at_least(_SPAN, axes.get_xlim(), most=100.0))
    axes.set_yticks(range(len(scored.variants)), [each.name for each in scored.variants])
    axes.set_ylim(len(scored.variants) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=drawing.INK)
    axes.grid(axis="x", color=drawing.GRID)
    axes.set_xlabel(
        f"{SHORT[metric]} of each seed on {len(scored.ids)} documents of {scored.split}, %"
    )
    drawing.title(axes, scored.data.name)
