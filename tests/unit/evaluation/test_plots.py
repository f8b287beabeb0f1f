import sys
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest

from prefprop_cli.errors import UsageError
from prefprop_cli.evaluation.plots import reliability_figure, reliability_svg
from prefprop_cli.evaluation.results import calibration_report
from tests.helpers.pictures import drawn_texts


def report(n=65, n_bins=15):
    rng = np.random.default_rng(0)
    logits, labels = 3 * rng.normal(size=(n, 2)), rng.integers(0, 2, n)
    return calibration_report(logits, labels, temperature=2.1, n_bins=n_bins, n_resamples=20)


def test_the_same_report_gives_the_same_picture(tmp_path):
    pytest.importorskip("matplotlib")
    drawn = report()
    for name in ("one.svg", "two.svg"):
        reliability_svg(drawn, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    text = (tmp_path / "one.svg").read_text()
    assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "n = 65" in text


@pytest.mark.parametrize(
    ("n", "n_bins"), [(1, 15), (65, 15), (15_000, 15), (70_000, 15), (5000, 20), (65, 100)]
)
def test_no_text_touches_another_or_the_border(n, n_bins):
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = reliability_figure(report(n, n_bins))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shown = [(t.get_text(), t.get_window_extent()) for t in drawn_texts(figure)]
    assert len(shown) > 20
    for (first, box), (second, other) in combinations(shown, 2):
        assert not box.overlaps(other), f"{first!r} overlaps {second!r}"
    for text, box in shown:
        assert box.x0 >= 0, text
        assert box.x1 <= figure.bbox.x1, text
        assert 0 <= box.y0 < box.y1 <= figure.bbox.y1, text


def test_bars_show_the_bins():
    pytest.importorskip("matplotlib")
    drawn = report()
    figure = reliability_figure(drawn)
    counts = [bar.get_height() for bar in figure.axes[3].patches]
    assert counts == [b.count for b in drawn.after.bins]
    diagram = figure.axes[1]
    accuracy = [line[0][1] for line in diagram.collections[0].get_segments()]
    assert accuracy == [b.accuracy for b in drawn.after.bins if b.count]


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "prefprop-cli\[plots\]"'):
        reliability_svg(report(), tmp_path / "plot.svg")
    assert not list(tmp_path.iterdir())
