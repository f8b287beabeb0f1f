"""What can be read in a matplotlib figure."""

from itertools import combinations

import pytest

pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text


def drawn_texts(figure: Figure) -> list[Text]:
    """Texts of a figure, without the labels of ticks beyond the end of their axis."""
    beyond = set()
    for axes in figure.axes:
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            place = 0 if axis is axes.xaxis else 1
            for label in axis.get_ticklabels(which="both"):
                if not min(limits) <= label.get_position()[place] <= max(limits):
                    beyond.add(label)
    texts = figure.findobj(lambda artist: isinstance(artist, Text) and artist not in beyond)
    return [text for text in texts if text.get_text() and text.get_visible()]


def assert_readable(figure: Figure, *, least: int = 8) -> None:
    """Check that no text touches another or leaves the picture."""
    FigureCanvasAgg(figure).draw()
    shown = [(text.get_text(), text.get_window_extent()) for text in drawn_texts(figure)]
    assert len(shown) > least
    for (first, box), (second, other) in combinations(shown, 2):
        assert not box.overlaps(other), f"{first!r} overlaps {second!r}"
    for text, box in shown:
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert 0 <= box.y0 < box.y1 <= figure.bbox.y1, text
