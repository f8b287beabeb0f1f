import sys
from itertools import combinations

import numpy as np
import pytest

from prefprop_cli.errors import UsageError
from prefprop_cli.evaluation.calibration_report import calibration_report
from prefprop_cli.evaluation.plots import reliability_figure, risk_coverage_figure
from prefprop_cli.evaluation.results import SavedLogits
from tests.helpers.pictures import drawn_texts


def report(n=65, n_bins=15):
    rng = np.random.default_rng(0)
    logits = (3 * rng.normal(size=(n, 2))).astype(np.float32)
    saved = SavedLogits(tuple(map(str, range(n))), logits, rng.integers(0, 2, n))
    return calibration_report(
        saved,
        calibrated=logits / 2.1,
        set_aside=None,
        class_names=("a", "b"),
        n_bins=n_bins,
        n_resamples=20,
    )


@pytest.mark.parametrize(
    ("n", "n_bins"), [(1, 15), (65, 15), (15_000, 15), (70_000, 15), (5000, 20), (65, 100)]
)
def test_no_text_touches_another_or_the_border(n, n_bins):
    pytest.importorskip("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = reliability_figure(report(n, n_bins), after="T = 2.1")
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
    figure = reliability_figure(drawn, after="T = 2.1")
    counts = [bar.get_height() for bar in figure.axes[3].patches]
    assert counts == [b.count for b in drawn.after.bins]
    diagram = figure.axes[1]
    accuracy = [line[0][1] for line in diagram.collections[0].get_segments()]
    assert accuracy == [b.accuracy for b in drawn.after.bins if b.count]


def test_intervals_and_bands_are_those_of_the_bins():
    pytest.importorskip("matplotlib")
    drawn = report()
    diagram = reliability_figure(drawn, after="T = 2.1").axes[0]
    filled = [b for b in drawn.before.bins if b.count]
    whiskers = [line[:, 1].tolist() for line in diagram.collections[1].get_segments()]
    assert whiskers == [[b.interval.low, b.interval.high] for b in filled]
    bands = [bar for bar in diagram.patches if bar.get_hatch()]
    ends = [(bar.get_y(), bar.get_y() + bar.get_height()) for bar in bands]
    assert ends == [pytest.approx((b.band.low, b.band.high)) for b in filled]


def test_risk_and_coverage_of_both():
    pytest.importorskip("matplotlib")
    drawn = report()
    (axes,) = risk_coverage_figure(drawn).axes
    for line, state in zip(axes.lines, (drawn.before, drawn.after), strict=False):
        points = [(point.coverage, point.risk) for point in state.curve]
        assert line.get_xydata().tolist() == [list(point) for point in points]
    assert "AURC" in axes.lines[0].get_label()


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    drawn = report()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (lambda: reliability_figure(drawn, after=""), lambda: risk_coverage_figure(drawn)):
        with pytest.raises(UsageError, match=r'pip install "prefprop-cli\[plots\]"'):
            draw()
