"""The reliability diagram, in a page and as a file of its own, and risk beside coverage.

Per bin: a bar as high as the accuracy, with its interval. Where its documents are enough the gap
between accuracy and mean confidence is shaded, and the band is where the accuracies of calibrated
models lie; bins of fewer are pale. On the dashed diagonal confidence is what it claims to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from prefprop_cli.calibration.reliability import LEAST_OF_BIN, ReliabilityBin
from prefprop_cli.calibration.report import CalibrationReport, State
from prefprop_cli.report import drawing
from prefprop_cli.report.charts import Axis, Chart, Mark, Picture, bars

_DIAGONAL = Mark("line dashed ink", [((0.0, 0.0), (1.0, 1.0))], "calibrated")
_LOOKS: dict[str, dict[str, Any]] = {
    "bar": {"color": "#7ba3c9"},
    "bar pale": {"color": "#d3e0ed"},
    "bar over": {"color": "#f2b5b0"},
    "bar under": {"color": "#f5d08a"},
    "bar chance": dict(fill=False, edgecolor="#3e4c59", alpha=0.35, hatch="////", linewidth=0.4),
    "whisker": {"color": drawing.INK, "linewidth": 0.8},
    "whisker top": {"color": drawing.INK, "linewidth": 1.4, "clip_on": False},
}
"""Of marks in a file; a page has those of its style sheet."""


def reliability_picture(state: State, *, n: int, title: str) -> Picture:
    """Draw the reliability diagram of n documents, and below it how many are in each bin."""
    filled = [each for each in state.bins if each.count]
    counts = bars(*_edges(filled), [0.0] * len(filled), [float(each.count) for each in filled])
    text = _ece_text(state, n=n)
    lower = Chart(
        Axis(0, 1, label="confidence"),
        Axis(0, 1.05 * max(each.count for each in filled), n_ticks=2),
        [Mark("bar grey", counts, "documents")],
        height=90,
    )
    upper = Chart(Axis(0, 1), Axis(0, 1), [*_layers(filled), _DIAGONAL], height=230)
    alt = f"Reliability diagram, accuracy over confidence: {text}"
    return Picture(title, (upper, lower), alt=alt, note=text)


def reliability_figure(report: CalibrationReport, *, after: str) -> drawing.Figure:
    """Draw the reliability diagram before and after calibration, side by side.

    `after` says what was done, for the title: `T = 1.31`.

    Raises:
        UsageError: matplotlib is not installed.
    """
    with drawing.new_figure(8.4, 5.4, wspace=0.06) as figure:
        panels = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=[3.6, 1])
        titles = {"Before": report.before, f"After: {after}": report.after}
        for column, (title, state) in enumerate(titles.items()):
            diagram, counts = panels[:, column]
            drawing.title(diagram, title, _ece_text(state, n=report.n))
            _draw_diagram(diagram, state)
            _draw_counts(counts, state)
        panels[0, 0].set_ylabel("accuracy")
        panels[1, 0].set_ylabel("documents")
        drawing.legend_below(figure)
    return figure


def risk_coverage_picture(report: CalibrationReport) -> Picture:
    """Draw the share of wrong answers among the documents kept, most confident first."""
    looks = {"before": ("first", report.before), "after": ("second dashed", report.after)}
    curves = [
        Mark(
            f"line {look}",
            [[(point.coverage, point.risk) for point in state.curve]],
            f"{name}: AURC {state.scores['aurc'].value:.3f}",
        )
        for name, (look, state) in looks.items()
    ]
    error_rate = 1 - report.before.scores["accuracy"].value
    at_random = Mark("line dashed ink", [((0, error_rate), (1, error_rate))], "at random")
    highest = max(y for mark in curves for _, y in mark.shapes[0])
    x = Axis(0, 1, label="coverage: share of documents kept")
    y = Axis(0, 1.05 * max(highest, error_rate, 0.01))
    return Picture(
        "Share wrong over share of documents kept",
        [Chart(x, y, [at_random, *curves])],
        alt="Risk and coverage before and after calibration",
        note=f"n = {report.n}, the most confident kept first",
    )


def _ece_text(state: State, *, n: int) -> str:
    """The ECE of n documents with its interval, and a second line with what chance gives."""
    ece, null = state.scores["ece"], state.null
    interval = f" [{ece.interval.low:.3f}, {ece.interval.high:.3f}]" if ece.interval else ""
    p_value = f"p = {null.p_value:.3f}" if null.p_value >= 0.001 else "p < 0.001"
    return (
        f"ECE {ece.value:.3f}{interval}, n = {n}\n"
        f"a calibrated model: {null.mean:.3f} by chance, {p_value}"
    )


def _layers(filled: Sequence[ReliabilityBin]) -> Iterator[Mark]:
    """The marks of bins that have documents; what says nothing of few of them is left out."""
    large = [each for each in filled if not each.is_small]
    small = [each for each in filled if each.is_small]
    for bins, look, name in (
        (large, "bar", "accuracy"),
        (small, "bar pale", f"of fewer than {LEAST_OF_BIN} documents"),
    ):
        yield Mark(look, bars(*_edges(bins), [0.0] * len(bins), map(_accuracy, bins)), name)
    for sign, look, name in (
        (1, "bar over", "too confident by"),
        (-1, "bar under", "too modest by"),
    ):
        bins = [each for each in large if sign * (_confidence(each) - _accuracy(each)) > 0]
        gaps = bars(*_edges(bins), map(_accuracy, bins), map(_confidence, bins))
        yield Mark(look, gaps, name)
    bands = [each.band for each in large if each.band]
    ends = [each.low for each in bands], [each.high for each in bands]
    yield Mark("bar chance", bars(*_edges(large), *ends), "95 % of calibrated models")
    left, right = _edges(filled)
    tops = [
        ((x0, y), (x1, y)) for x0, x1, y in zip(left, right, map(_accuracy, filled), strict=True)
    ]
    yield Mark("whisker top", tops)
    known = [((each.lower + each.upper) / 2, each.interval) for each in filled if each.interval]
    intervals = [((x, found.low), (x, found.high)) for x, found in known]
    yield Mark("whisker", intervals, "accuracy, 95 %")


def _edges(bins: Sequence[ReliabilityBin]) -> tuple[list[float], list[float]]:
    """Left and right, with a little air between neighbours."""
    air = [0.04 * (each.upper - each.lower) for each in bins]
    left = [each.lower + space for each, space in zip(bins, air, strict=True)]
    return left, [each.upper - space for each, space in zip(bins, air, strict=True)]


def _accuracy(each: ReliabilityBin) -> float:
    return each.accuracy or 0.0


def _confidence(each: ReliabilityBin) -> float:
    return each.confidence or 0.0


def _draw_diagram(axes: drawing.Axes, state: State) -> None:
    from matplotlib.collections import LineCollection

    for mark in _layers([each for each in state.bins if each.count]):
        style = {**_LOOKS[mark.look], "label": mark.name or None}
        if mark.kind == "whisker":
            axes.add_collection(LineCollection(mark.shapes, **style))
        elif mark.shapes:
            ((x0, low), (_, high), (x1, _)) = np.array(mark.shapes)[:, :3].transpose(1, 2, 0)
            axes.bar(x0, high - low, x1 - x0, low, align="edge", **style)
    (line,) = axes.plot([0, 1], [0, 1], color=drawing.INK, label="calibrated")
    line.set(linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=np.arange(6) / 5, yticks=np.arange(6) / 5)
    axes.grid(axis="y", color=drawing.GRID)


def _draw_counts(axes: drawing.Axes, state: State) -> None:
    counts = [b.count for b in state.bins]
    centres = [(b.lower + b.upper) / 2 for b in state.bins]
    drawn = axes.bar(centres, counts, 0.92 / len(counts), color="#9aa5b1")
    if len(counts) * len(str(max(counts))) <= 60:  # else they would touch
        labels = [str(count) if count else "" for count in counts]
        axes.bar_label(drawn, labels, fontsize=6, color=drawing.QUIET, padding=1.5)
    axes.margins(y=0.3)
    axes.set_xlabel("confidence")
