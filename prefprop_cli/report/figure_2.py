"""Figure 2: F1 of every seed, method by method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prefprop_cli.report.comparison_text import SHORT
from prefprop_cli.report.drawing import (
    GRID,
    INK,
    QUIET,
    at_least,
    colours,
    drawing,
    legend_below,
)
from prefprop_cli.report.page import NOTHING, PERCENT, Block, Grid, Heading, Page
from prefprop_cli.report.scores import ScoredLine, ScoredSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Figure 2: the score of every seed, in %"
_SPAN = 20.0
"""Points that the axis has at least; fewer would make much of what a document more or less does."""


def figure_2(sets: Sequence[ScoredSet]) -> Page:
    """The figures of the picture.

    Args:
        sets: scored on one split.
    """
    blocks: list[Block] = []
    for scored in sets:
        header = ("method", f"mean {SHORT[scored.metric]}", "of each seed", "paper's mean")
        blocks += [
            Heading(scored.data.name),
            Grid(header, tuple(_row(each, scored) for each in scored.lines)),
        ]
    record = {
        scored.data.name: {
            each.name: dict(zip(_seeds(each), each.values(scored.metric), strict=True))
            for each in scored.lines
        }
        for scored in sets
    }
    return Page("figure-2", TITLE, tuple(blocks), {"figure": "2", "sets": record})


def draw_2(sets: Sequence[ScoredSet]) -> Figure:
    """A point for each seed, a bar at the mean of several, a diamond at the paper's mean.

    Raises:
        UsageError: matplotlib is not installed.
    """
    found = colours(each.name for scored in sets for each in scored.lines)
    heights = [0.75 + 0.34 * len(scored.lines) for scored in sets]
    with drawing(7.6, sum(heights) + 0.5) as figure:
        panels = figure.subplots(len(sets), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, scored in zip(panels, sets, strict=True):
            _draw_set(axes, scored, found)
        legend_below(figure)
    return figure


def _draw_set(axes: Axes, scored: ScoredSet, colour_of: dict[str, str]) -> None:
    for place, each in enumerate(scored.lines):
        values = 100 * np.array(each.values(scored.metric))
        spread = np.linspace(-0.14, 0.14, len(values)) if len(values) > 1 else np.zeros(1)
        colour = colour_of[each.name]
        axes.plot(
            values, place + spread, "o", color=colour, alpha=0.75, markersize=5, clip_on=False
        )
        if len(values) > 1:
            ends = place - 0.3, place + 0.3
            axes.vlines(values.mean(), *ends, color=INK, linewidth=1.6, label="mean")
        if scored.metric in each.paper:
            paper = 100 * each.paper[scored.metric]
            axes.plot(
                paper, place, "D", markerfacecolor="none", color=QUIET, label="the paper's mean"
            )
    axes.plot([], [], "o", color=QUIET, markersize=5, label="one seed")
    axes.locator_params(axis="x", steps=[1, 2, 5, 10])
    axes.set_xlim(at_least(_SPAN, axes.get_xlim(), most=100.0))
    axes.set_yticks(range(len(scored.lines)), [each.name for each in scored.lines])
    axes.set_ylim(len(scored.lines) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="x", color=GRID)
    axes.set_xlabel(
        f"{SHORT[scored.metric]} of each seed on {len(scored.ids)} documents of {scored.split}, %"
    )
    axes.set_title(scored.data.name, loc="left", weight="bold")


def _row(each: ScoredLine, scored: ScoredSet) -> tuple[str, ...]:
    values = each.values(scored.metric)
    paper = each.paper.get(scored.metric)
    return (
        each.name,
        PERCENT.show(float(np.mean(values))),
        " ".join(map(PERCENT.show, values)),
        NOTHING if paper is None else PERCENT.show(paper),
    )


def _seeds(each: ScoredLine) -> list[int]:
    return [run.seed for run in each.line.runs]
