"""How every figure looks, and files of which the same figure gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.errors import UsageError
from prefprop_cli.runs import write_atomically

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

INK, QUIET, GRID = "#1f2933", "#616e7c", "#e4e7eb"
COLOURS = ("#2f6fab", "#c8553d", "#3f8f5f", "#8a5fa8", "#b7791f", "#4a9aa8", "#9a4a6c", "#6b7280")
"""Of as many things in one figure; told apart without red and green, too."""
_CHARACTER, _HANDLE = 0.072, 0.62
"""Inches that a character and a line in the legend take."""
_DPI = 150
_METADATA: dict[str, dict[str, str | None]] = {".svg": {"Date": None}, ".png": {"Software": None}}
"""What would differ from one writing to the next, or from one machine to the other."""
_STYLE = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
}


@contextmanager
def drawing(width: float, height: float, *, wspace: float = 0.02) -> Iterator[Figure]:
    """An empty figure to draw on, in the common style.

    Args:
        width: in inches.
        height: in inches.
        wspace: between columns of panels, as a share of their width.

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
    """A colour for each name, the same wherever it stands in a figure."""
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(dict.fromkeys(names))}


def at_least(span: float, limits: tuple[float, float], *, most: float) -> tuple[float, float]:
    """The ends of an axis that is not zoomed onto a single value.

    Args:
        span: the least difference of its ends.
        limits: the ends that the values ask for.
        most: the greatest value there can be; the least is 0.
    """
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


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure as SVG or PNG, by the ending of its name; the same figure, the same bytes.

    Raises:
        UsageError: the name ends in something else.
    """
    from matplotlib import rc_context

    if path.suffix not in _METADATA:
        raise UsageError(f"{path}: a picture's name ends in {' or '.join(_METADATA)}")
    content = BytesIO()
    with rc_context({"svg.hashsalt": "prefprop"}):  # else element ids are random
        metadata = _METADATA[path.suffix]
        figure.savefig(content, format=path.suffix[1:], metadata=metadata, dpi=_DPI)
    write_atomically(path, content.getvalue())
