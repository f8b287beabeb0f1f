"""Pictures of the calibration of a split (extra `plots`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.reliability import LEAST_OF_BIN, ReliabilityBin
from prefprop_cli.calibration.report import CalibrationReport, State
from prefprop_cli.report.drawing import GRID, INK, QUIET, drawing, legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACCURACY, _OVER, _UNDER, _COUNT, _BAND = "#7ba3c9", "#f2b5b0", "#f5d08a", "#9aa5b1", "#3e4c59"
_OF_FEW = "#d3e0ed"


def reliability_figure(report: CalibrationReport, *, after: str) -> Figure:
    """The reliability diagram before and after calibration, side by side.

    Per bin: a bar as high as the accuracy, with its interval, and below it the number of documents.
    Where these are enough the gap between accuracy and mean confidence is shaded, and the hatched
    band is where the accuracies of calibrated models lie; bins of fewer are pale. On the dashed
    diagonal confidence is what it claims to be.

    Args:
        report: what to draw.
        after: what was done, for the title: `T = 1.31`.

    Raises:
        UsageError: matplotlib is not installed.
    """
    with drawing(8.4, 5.4, wspace=0.06) as figure:
        panels = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=[3.6, 1])
        titles = {"Before": report.before, f"After: {after}": report.after}
        for column, (title, state) in enumerate(titles.items()):
            diagram, counts = panels[:, column]
            _title(diagram, title, ece_in_words(state, n=report.n))
            _draw_diagram(diagram, state)
            _draw_counts(counts, state)
        panels[0, 0].set_ylabel("accuracy")
        panels[1, 0].set_ylabel("documents")
        legend_below(figure)
    return figure


def _title(axes: Axes, title: str, text: str) -> None:
    """A title with a quiet text of one or two lines under it."""
    axes.set_title(title, loc="left", weight="bold", pad=8 + 12 * len(text.splitlines()))
    axes.annotate(
        text,
        (0, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        color=QUIET,
        linespacing=1.4,
    )


def ece_in_words(state: State, *, n: int) -> str:
    """The ECE of n documents with its interval, and a second line with what chance gives."""
    ece, null = state.scores["ece"], state.null
    interval = f" [{ece.interval.low:.3f}, {ece.interval.high:.3f}]" if ece.interval else ""
    p_value = f"p = {null.p_value:.3f}" if null.p_value >= 0.001 else "p < 0.001"
    return (
        f"ECE {ece.value:.3f}{interval}, n = {n}\n"
        f"a calibrated model: {null.mean:.3f} by chance, {p_value}"
    )


def _draw_diagram(axes: Axes, state: State) -> None:
    width = 0.92 / len(state.bins)
    filled = [b for b in state.bins if b.count]
    for few, colour in ((False, _ACCURACY), (True, _OF_FEW)):
        if bins := [b for b in filled if b.is_small == few]:
            label = f"of fewer than {LEAST_OF_BIN} documents" if few else "accuracy"
            axes.bar(_centres(bins), _accuracies(bins), width, color=colour, label=label)
    if bins := [b for b in filled if not b.is_small]:
        _draw_gaps(axes, bins, width)
    centre, accuracy = _centres(filled), _accuracies(filled)
    left, right = centre - width / 2, centre + width / 2
    axes.hlines(accuracy, left, right, color=INK, linewidth=1.4, clip_on=False)
    low, high = np.array([(b.interval.low, b.interval.high) for b in filled if b.interval]).T
    axes.vlines(centre, low, high, color=INK, linewidth=0.8, label="accuracy, 95 %")
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="calibrated")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=np.arange(6) / 5, yticks=np.arange(6) / 5)
    axes.grid(axis="y", color=GRID)


def _draw_gaps(axes: Axes, bins: Sequence[ReliabilityBin], width: float) -> None:
    """What separates accuracy and confidence, and how much of it chance would make."""
    centre, accuracy = _centres(bins), _accuracies(bins)
    gap = np.array([b.confidence for b in bins], np.float64) - accuracy
    over, under = gap.clip(0), gap.clip(max=0)
    axes.bar(centre, over, width, accuracy, color=_OVER, label="too confident by")
    axes.bar(centre, under, width, accuracy, color=_UNDER, label="too modest by")
    low, high = np.array([(b.band.low, b.band.high) for b in bins if b.band]).T
    axes.bar(
        centre,
        high - low,
        width,
        low,
        fill=False,
        edgecolor=_BAND,
        alpha=0.35,
        hatch="////",
        linewidth=0.4,
        label="95 % of calibrated models",
    )


def _centres(bins: Sequence[ReliabilityBin]) -> Floats:
    return np.array([(b.lower + b.upper) / 2 for b in bins])


def _accuracies(bins: Sequence[ReliabilityBin]) -> Floats:
    return np.array([b.accuracy for b in bins], np.float64)


def _draw_counts(axes: Axes, state: State) -> None:
    counts = [b.count for b in state.bins]
    centres = [(b.lower + b.upper) / 2 for b in state.bins]
    bars = axes.bar(centres, counts, 0.92 / len(counts), color=_COUNT)
    if len(counts) * len(str(max(counts))) <= 60:  # else they would touch
        labels = [str(count) if count else "" for count in counts]
        axes.bar_label(bars, labels, fontsize=6, color=QUIET, padding=1.5)
    axes.margins(y=0.3)
    axes.set_xlabel("confidence")
