"""How every figure looks, and files of which the same figure gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefprop_cli.errors import UsageError
from prefprop_cli.runs import write_atomically

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure

INK, QUIET, GRID = "#1f2933", "#616e7c", "#e4e7eb"
COLOURS = ("#2f6fab", "#c8553d", "#3f8f5f", "#8a5fa8", "#b7791f", "#4a9aa8", "#9a4a6c", "#6b7280")
"""Of as many things in one figure; told apart without red and green, too."""
_CHARACTER, _HANDLE = 0.072, 0.62
"""Inches that a character and a line in the legend take."""
_METADATA: dict[str, dict[str, str | None]] = {".svg": {"Date": None}, ".png": {"Software": None}}
"""What would differ from one writing to the next, or from one machine to the other."""
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}


@contextmanager
def new_figure(width: float, height: float, *, wspace: float = 0.02) -> Iterator[Figure]:
    """Give an empty figure to draw on, in the common style.

    Width and height are in inches; `wspace`, between columns of panels, is a share of their width.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise UsageError(
            "a plot needs matplotlib, which is not installed. "
            'Run: pip install "prefprop-cli[plots]"'
        ) from error
    with rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(wspace=wspace))


def colours(names: Iterable[str]) -> dict[str, str]:
    """Give each name a colour, the same wherever it stands in a figure."""
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(dict.fromkeys(names))}


def at_least(span: float, limits: tuple[float, float], *, most: float) -> tuple[float, float]:
    """Widen the ends of an axis of values in [0, most] that is zoomed onto less than `span`."""
    low, high = limits
    if high - low >= span:
        return limits
    low = min(max(0.0, (low + high - span) / 2), most - span)
    return low, low + span


def legend_below(figure: Figure) -> None:
    """Name what is drawn in any of the panels once, under all of them."""
    entries: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, names = axes.get_legend_handles_labels()
        entries |= dict(zip(names, handles, strict=True))
    column = _HANDLE + _CHARACTER * max(map(len, entries))
    ncols = max(1, min(len(entries), int(figure.get_figwidth() / column)))
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=ncols, frameon=False)


def title(axes: Axes, text: str, note: str = "") -> None:
    """Write a title, and under it a quiet note of one or two lines."""
    pad, spacing = ((6, 1.2), (17, 1.2), (32, 1.4))[len(note.splitlines())]
    axes.set_title(text, loc="left", weight="bold", pad=pad)
    place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate(note, (0, 1), (0, 5), color=QUIET, linespacing=spacing, **place)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PNG, by the ending of its name; the same figure, the same bytes.

    Raises:
        UsageError: the name ends in something else.
    """
    from matplotlib import rc_context

    if path.suffix not in _METADATA:
        raise UsageError(f"{path}: a picture's name ends in {' or '.join(_METADATA)}")
    content, kind = BytesIO(), path.suffix[1:]
    with rc_context({"svg.hashsalt": "prefprop"}):  # else element ids are random
        figure.savefig(content, format=kind, metadata=_METADATA[path.suffix], dpi=150)
    write_atomically(path, content.getvalue())
