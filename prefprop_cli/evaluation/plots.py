"""Reliability diagrams as SVG files (extra `plots`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prefprop_cli.evaluation.drawing import GRID, INK, QUIET, drawing, write_svg
from prefprop_cli.evaluation.results import CalibrationReport, CalibrationState

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACCURACY, _OVER, _UNDER, _COUNT = "#7ba3c9", "#f2b5b0", "#f5d08a", "#9aa5b1"


def reliability_svg(report: CalibrationReport, path: Path) -> None:
    """Write the reliability diagram as an SVG file; the same report gives the same bytes.

    Args:
        report: what to draw.
        path: the file to write.

    Raises:
        UsageError: matplotlib is not installed.
    """
    write_svg(reliability_figure(report), path)


def reliability_figure(report: CalibrationReport) -> Figure:
    """The reliability diagram before and after the temperature, side by side.

    Per bin: a line at the accuracy, the gap between it and the mean confidence shaded, and below
    it the number of documents. On the dashed diagonal confidence is what it claims to be.

    Raises:
        UsageError: matplotlib is not installed.
    """
    with drawing(8.4, 5.2, wspace=0.06) as figure:
        _draw(figure, report)
    return figure


def _draw(figure: Figure, report: CalibrationReport) -> None:
    panels = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=[3.6, 1])
    states = {"Before": (report.before, 1.0), "After": (report.after, report.temperature)}
    for column, (name, (state, temperature)) in enumerate(states.items()):
        diagram, counts = panels[:, column]
        diagram.set_title(f"{name}: T = {temperature:#.3g}", loc="left", weight="bold", pad=32)
        diagram.annotate(
            _figures(state, report.n),
            (0, 1),
            (0, 5),
            xycoords="axes fraction",
            textcoords="offset points",
            color=QUIET,
            linespacing=1.4,
        )
        _draw_diagram(diagram, state)
        _draw_counts(counts, state)
    panels[0, 0].set_ylabel("accuracy")
    panels[1, 0].set_ylabel("documents")
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False)


def _figures(state: CalibrationState, n: int) -> str:
    ece, null = state.scores["ece"], state.null
    p_value = f"p = {null.p_value:.3f}" if null.p_value >= 0.001 else "p < 0.001"
    return (
        f"ECE {ece.value:.3f} [{ece.interval.low:.3f}, {ece.interval.high:.3f}], n = {n}\n"
        f"a calibrated model: {null.mean:.3f} by chance, {p_value}"
    )


def _draw_diagram(axes: Axes, state: CalibrationState) -> None:
    bins = [b for b in state.bins if b.count]
    centre = np.array([(b.lower + b.upper) / 2 for b in bins])
    accuracy = np.array([b.accuracy for b in bins])
    gap = np.array([b.confidence for b in bins]) - accuracy
    width = 0.92 / len(state.bins)
    axes.bar(centre, accuracy, width, color=_ACCURACY)
    over, under = gap.clip(0), gap.clip(max=0)
    axes.bar(centre, over, width, accuracy, color=_OVER, label="too confident by")
    axes.bar(centre, under, width, accuracy, color=_UNDER, label="too modest by")
    left, right = centre - width / 2, centre + width / 2
    axes.hlines(accuracy, left, right, color=INK, linewidth=1.4, label="accuracy")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="calibrated")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=np.arange(6) / 5, yticks=np.arange(6) / 5)
    axes.grid(axis="y", color=GRID)


def _draw_counts(axes: Axes, state: CalibrationState) -> None:
    counts = [b.count for b in state.bins]
    centres = [(b.lower + b.upper) / 2 for b in state.bins]
    bars = axes.bar(centres, counts, 0.92 / len(counts), color=_COUNT)
    if len(counts) * len(str(max(counts))) <= 60:  # else they would touch
        labels = [str(count) if count else "" for count in counts]
        axes.bar_label(bars, labels, fontsize=6, color=QUIET, padding=1.5)
    axes.margins(y=0.3)
    axes.set_xlabel("confidence")
