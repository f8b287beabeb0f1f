"""The reliability diagram, in a page and as a file of its own, and risk beside coverage."""

import sys

import pytest

from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.report import calibration_report
from prefprop_cli.errors import UsageError
from prefprop_cli.report.reliability_diagram import (
    reliability_figure,
    reliability_picture,
    risk_coverage_picture,
)
from tests.helpers import finished
from tests.helpers.pictures import assert_readable

PALE = "of fewer than 10 documents"


def report(n, n_bins=15):
    logits = finished.logits(1.3, seed=0, n=n)
    labels = finished.labels(n)
    return calibration_report(
        Predictions.from_logits(logits, labels),
        Predictions.from_logits(logits / 2, labels),
        lengths=None,
        n_fit=n,
        class_names=("a", "b"),
        n_bins=n_bins,
        n_resamples=20,
    )


def shapes(picture, name):
    return [s for chart in picture.charts for m in chart.marks if m.name == name for s in m.shapes]


@pytest.mark.parametrize("n", [12, 60, 1500])
def test_bars_are_the_bins(n):
    state = report(n).before
    picture = reliability_picture(state, n=n, title="Before")
    large = [b for b in state.bins if b.count >= 10]
    small = [b for b in state.bins if 0 < b.count < 10]
    for bins, name in ((large, "accuracy"), (small, PALE)):
        assert [shape[1][1] for shape in shapes(picture, name)] == [b.accuracy for b in bins]
    counts = [shape[1][1] for shape in shapes(picture, "documents")]
    assert counts == [b.count for b in state.bins if b.count]
    bands = [(s[0][1], s[1][1]) for s in shapes(picture, "95 % of calibrated models")]
    assert bands == [(b.band.low, b.band.high) for b in large]
    whiskers = [(s[0][1], s[1][1]) for s in shapes(picture, "accuracy, 95 %")]
    assert whiskers == [(b.interval.low, b.interval.high) for b in state.bins if b.count]
    gaps = shapes(picture, "too confident by") + shapes(picture, "too modest by")
    assert sorted((s[0][1], s[1][1]) for s in gaps) == sorted(
        (b.accuracy, b.confidence) for b in large if b.accuracy != b.confidence
    )


def test_the_legend_of_few_documents_is_short():
    picture = reliability_picture(report(12).before, n=12, title="Before")
    names = {mark.name for mark in picture.legend}
    assert names == {"of fewer than 10 documents", "accuracy, 95 %", "calibrated", "documents"}
    assert "n = 12" in picture.note


def test_risk_and_coverage_of_both():
    drawn = report(60)
    (chart,) = risk_coverage_picture(drawn).charts
    _, *lines = chart.marks
    for line, state in zip(lines, (drawn.before, drawn.after), strict=True):
        assert line.shapes == [[(point.coverage, point.risk) for point in state.curve]]
    assert "AURC" in lines[0].name
    assert all(0 <= y <= chart.y.high for line in lines for _, y in line.shapes[0])


@pytest.mark.parametrize(
    ("n", "n_bins"), [(1, 15), (65, 15), (15_000, 15), (70_000, 15), (5000, 20), (65, 100)]
)
def test_no_text_touches_another_or_the_border(n, n_bins):
    assert_readable(reliability_figure(report(n, n_bins), after="T = 2.1"), least=20)


def test_bars_show_the_bins():
    drawn = report(65)
    figure = reliability_figure(drawn, after="T = 2.1")
    counts = [bar.get_height() for bar in figure.axes[3].patches]
    assert counts == [b.count for b in drawn.after.bins]
    diagram = figure.axes[1]
    accuracy = [line[0][1] for line in diagram.collections[0].get_segments()]
    assert accuracy == [b.accuracy for b in drawn.after.bins if b.count]


def test_intervals_and_bands_are_those_of_the_bins():
    drawn = report(65)
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
    few, many = (reliability_figure(report(n), after="T = 2.1") for n in (12, 1500))
    assert set(legend(few)) == {"of fewer than 10 documents", "accuracy, 95 %", "calibrated"}
    assert len(few.axes[0].patches) == sum(b.count > 0 for b in report(12).before.bins)
    assert {"accuracy", "too confident by", "95 % of calibrated models"} < set(legend(many))


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    drawn = report(65)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "prefprop-cli\[plots\]"'):
        reliability_figure(drawn, after="")
