"""What can be read in a matplotlib figure."""

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
