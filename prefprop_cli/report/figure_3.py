"""Figure 3: how many tokens the documents of each set have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.data.audit import PERCENTILES, percentiles
from prefprop_cli.report import drawing
from prefprop_cli.report.page import Grid, Page

TITLE = "Figure 3: tokens per document"
WINDOWS = (512, 4096)
"""Positions of RoBERTa and of Longformer."""
_SHORTEST = 100
"""Tokens at the left end of the axis, or fewer."""

Lengths = Mapping[str, Ints]
"""By the name of the set, the tokens of each of its documents, before any are cut: (N,)."""


def figure_3(lengths: Lengths) -> Page:
    """Give the numbers of the picture, and what draws it; all splits of a set together."""
    header = ("set", "documents", *(f"{p} %" if p < 100 else "longest" for p in PERCENTILES))
    rows, record = [], {}
    for name, counts in lengths.items():
        found, longer = percentiles(counts), _shares_longer(counts)
        tokens = (f"{n:,}" for n in found.values())
        rows.append((name, f"{len(counts):,}", *tokens, *(f"{s:.1%}" for s in longer.values())))
        shares = {str(window): share for window, share in longer.items()}
        record[name] = {"n": len(counts), "percentiles": found, "longer_than": shares}
    grid = Grid((*header, *(f"> {window}" for window in WINDOWS)), tuple(rows))
    draw = partial(draw_3, lengths)
    return Page("figure-3", TITLE, (grid,), {"figure": "3", "sets": record}, draw)


def draw_3(lengths: Lengths) -> drawing.Figure:
    """Draw a histogram for each set over a common axis, the windows of both backbones marked."""
    edges, colour_of = _edges(lengths.values()), drawing.colours(lengths)
    with drawing.new_figure(7.6, 0.8 + 1.7 * len(lengths)) as figure:
        panels = figure.subplots(len(lengths), 1, squeeze=False, sharex=True)[:, 0]
        for axes, (name, counts) in zip(panels, lengths.items(), strict=True):
            weights = np.full(len(counts), 100 / len(counts))
            colour = colour_of[name]
            axes.hist(counts.clip(1), edges.tolist(), weights=weights, color=colour, alpha=0.8)
            axes.set_ylabel("% of documents")
            _mark(axes, name, counts)
        panels[-1].set_xlabel("tokens per document (logarithmic)")
        drawing.legend_below(figure)
    return figure


def _mark(axes: drawing.Axes, name: str, counts: Ints) -> None:
    """The median, both windows, and what they say; on a logarithmic axis."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    median = float(np.median(counts))
    axes.axvline(median, color=drawing.INK, linewidth=1.4, label="median")
    for window in WINDOWS:
        line = axes.axvline(window, label="positions of RoBERTa and of Longformer")
        line.set(color=drawing.QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
    longer = (f"{share:.1%} above {window:,}" for window, share in _shares_longer(counts).items())
    noun = "document" if len(counts) == 1 else "documents"
    note = f"{len(counts):,} {noun}, median {median:,.0f} tokens, {', '.join(longer)}"
    drawing.title(axes, name, note)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color=drawing.GRID)


def _edges(lengths: Iterable[Ints]) -> Floats:
    """Of bins that are equally wide on a logarithmic axis and hold every length and window.

    There are as many as the set with the fewest documents can fill.
    """
    counts = list(lengths)
    longest = max(WINDOWS[-1], *(int(each.max()) for each in counts))
    shortest = min(_SHORTEST, *(int(each.min()) for each in counts))
    n_bins = min(60, int(6 + 2 * min(map(len, counts)) ** 0.5))
    return np.geomspace(max(1, shortest), 1.3 * longest, n_bins + 1)


def _shares_longer(counts: Ints) -> dict[int, float]:
    return {window: float((counts > window).mean()) for window in WINDOWS}
