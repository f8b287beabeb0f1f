"""Figure 3: how many tokens the documents of each set have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.data.audit import PERCENTILES, percentiles
from prefprop_cli.report.drawing import COLOURS, GRID, INK, QUIET, drawing, legend_below
from prefprop_cli.report.page import Grid, Page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Figure 3: tokens per document"
WINDOWS = (512, 4096)
"""Positions of RoBERTa and of Longformer."""

_SHORTEST = 100
"""Tokens at the left end of the axis, or fewer."""
_MARKS = "positions of RoBERTa and of Longformer"

Lengths = Mapping[str, NDArray[np.int64]]
"""By the name of the set, the tokens of each of its documents, before any are cut: (N,)."""


def figure_3(lengths: Lengths) -> Page:
    """The figures of the picture, and what draws it; all splits of a set together."""
    header = ("set", "documents", *(f"{p} %" if p < 100 else "longest" for p in PERCENTILES))
    rows, record = [], {}
    for name, counts in lengths.items():
        found = percentiles(counts)
        longer = {window: _share_longer(counts, window) for window in WINDOWS}
        tokens = (f"{n:,}" for n in found.values())
        rows.append((name, f"{len(counts):,}", *tokens, *(f"{s:.1%}" for s in longer.values())))
        record[name] = {
            "n": len(counts),
            "percentiles": found,
            "longer_than": {str(window): share for window, share in longer.items()},
        }
    grid = Grid((*header, *(f"> {window}" for window in WINDOWS)), tuple(rows))
    draw = partial(draw_3, lengths)
    return Page("figure-3", TITLE, (grid,), {"figure": "3", "sets": record}, draw)


def draw_3(lengths: Lengths) -> Figure:
    """A histogram for each set over a common axis, the windows of both backbones marked.

    Raises:
        UsageError: matplotlib is not installed.
    """
    edges = _edges(lengths.values())
    with drawing(7.6, 0.8 + 1.7 * len(lengths)) as figure:
        panels = figure.subplots(len(lengths), 1, squeeze=False, sharex=True)[:, 0]
        for place, (axes, (name, counts)) in enumerate(zip(panels, lengths.items(), strict=True)):
            _draw_set(axes, name, counts, edges, colour=COLOURS[place % len(COLOURS)])
            axes.set_ylabel("% of documents")
        panels[-1].set_xlabel("tokens per document (logarithmic)")
        legend_below(figure)
    return figure


def _draw_set(
    axes: Axes, name: str, counts: NDArray[np.int64], edges: NDArray[np.float64], *, colour: str
) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    weights = np.full(len(counts), 100 / len(counts))
    axes.hist(counts.clip(1), edges.tolist(), weights=weights, color=colour, alpha=0.8)
    axes.set_xscale("log")
    axes.axvline(float(np.median(counts)), color=INK, linewidth=1.4, label="median")
    for window in WINDOWS:
        axes.axvline(window, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), label=_MARKS)
    shares = {window: _share_longer(counts, window) for window in WINDOWS}
    longer = ", ".join(f"{share:.1%} above {window:,}" for window, share in shares.items())
    axes.set_title(name, loc="left", weight="bold", pad=17)
    noun = "document" if len(counts) == 1 else "documents"
    axes.annotate(
        f"{len(counts):,} {noun}, median {np.median(counts):,.0f} tokens, {longer}",
        (0, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        color=QUIET,
    )
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color=GRID)


def _edges(lengths: Iterable[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Of bins that are equally wide on a logarithmic axis and hold every length and window.

    There are as many as the set with the fewest documents can fill.
    """
    counts = list(lengths)
    longest = max(WINDOWS[-1], *(int(each.max()) for each in counts))
    shortest = min(_SHORTEST, *(int(each.min()) for each in counts))
    n_bins = min(60, int(6 + 2 * min(map(len, counts)) ** 0.5))
    return np.geomspace(max(1, shortest), 1.3 * longest, n_bins + 1)


def _share_longer(counts: NDArray[np.int64], window: int) -> float:
    return float((counts > window).mean())
