"""The reliability diagram of a page; that of `evaluation.plots` has a test of its own."""

import pytest

from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.calibration.report import calibration_report
from prefprop_cli.report.calibration_charts import (
    reliability_picture,
    risk_coverage_picture,
)
from tests.helpers import finished


def report(n):
    truth = finished.labels(n)
    logits = finished.logits(1.3, seed=0, n=n)
    return calibration_report(
        Predictions.from_logits(logits, truth),
        Predictions.from_logits(logits / 2, truth),
        n_fit=n,
        class_names=("a", "b"),
        lengths=finished.saved("test", logits, truth).n_tokens,
        n_bins=15,
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
    pale = "of fewer than 10 documents"
    for bins, name in ((large, "accuracy"), (small, pale)):
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
