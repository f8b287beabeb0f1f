import sys
from itertools import combinations

import numpy as np
import pytest

from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.report import calibration_report
from prefprop_cli.errors import UsageError
from prefprop_cli.report.plots import reliability_figure
from tests.helpers.pictures import drawn_texts


def report(n=65, n_bins=15):
    rng = np.random.default_rng(0)
    logits = (3 * rng.normal(size=(n, 2))).astype(np.float32)
    labels = rng.integers(0, 2, n)
    return calibration_report(
        Predictions.from_logits(logits, labels),
        Predictions.from_logits(logits / 2.1, labels),
        n_fit=n,
        class_names=("a", "b"),
        lengths=None,
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
    large = [b for b in filled if b.count >= 10]
    assert 0 < len(large) < len(filled)
    assert ends == [pytest.approx((b.band.low, b.band.high)) for b in large]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_what_says_nothing_of_few_documents_is_not_drawn():
    pytest.importorskip("matplotlib")
    few, many = (reliability_figure(report(n), after="T = 2.1") for n in (12, 1500))
    assert set(legend(few)) == {"of fewer than 10 documents", "accuracy, 95 %", "calibrated"}
    assert len(few.axes[0].patches) == sum(b.count > 0 for b in report(12).before.bins)
    assert {"accuracy", "too confident by", "95 % of calibrated models"} < set(legend(many))


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    drawn = report()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "prefprop-cli\[plots\]"'):
        reliability_figure(drawn, after="")
