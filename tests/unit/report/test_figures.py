"""Figures 2, 3 and 4: what they draw, and that it can be read."""

import numpy as np
import pytest

from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.stored_logits import load_logits
from prefprop_cli.report.collect import collect
from prefprop_cli.report.figure_2 import draw_2, figure_2
from prefprop_cli.report.figure_3 import draw_3, figure_3
from prefprop_cli.report.figure_4 import draw_4, epoch_scores, figure_4
from prefprop_cli.report.groups import group
from prefprop_cli.report.scores import score
from prefprop_cli.tasks.metrics import ClassMetrics
from tests.helpers import finished
from tests.helpers.pictures import assert_readable

rng = np.random.default_rng(0)
LENGTHS = {
    "hyperpartisan, dedup": rng.lognormal(6.4, 0.8, 645).astype(int),
    "newsgroups": rng.lognormal(4.6, 1.1, 3000).astype(int),
}


@pytest.fixture(scope="module")
def epochs(runs):
    sets, _ = group(collect([runs]).runs)
    return epoch_scores(sets)


def test_figures_can_be_read(scored, epochs):
    twice = {f"{name} {k}": each for name, each in epochs.items() for k in (1, 2)}
    for figure in (draw_2([scored, scored]), draw_3(LENGTHS), draw_4(epochs), draw_4(twice)):
        assert_readable(figure)


def test_figure_2_has_a_point_for_each_seed_and_the_papers_mean(scored):
    (axes,) = draw_2([scored]).axes
    *points, in_legend = [line.get_xdata() for line in axes.lines if line.get_marker() == "o"]
    assert not len(in_legend)
    assert [list(x) for x in points] == [
        [100 * value for value in each.values("f1_binary")] for each in scored.variants
    ]
    diamonds = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "D"]
    assert diamonds == pytest.approx([75.3, 81.8, 81.5])
    assert axes.get_xlabel() == "F1 of each seed on 60 documents of test, %"
    means = [bar.get_segments()[0][0][0] for bar in axes.collections]
    several = [each.values("f1_binary") for each in scored.variants if len(each.seeds) > 1]
    assert means == [pytest.approx(100 * sum(values) / len(values)) for values in several]


def test_the_axis_of_one_run_is_not_zoomed_onto_it(tmp_path):
    finished.write(tmp_path / "a", finished.config(), n=12)
    (data,), _ = group(collect([tmp_path]).runs)
    (axes,) = draw_2([score(data, "test")]).axes
    low, high = axes.get_xlim()
    assert 0 <= low < high <= 100
    assert high - low >= 20
    assert not axes.collections  # its mean is the point
    _, accuracy = draw_4(epoch_scores([data])).axes
    assert np.diff(accuracy.get_ylim()) >= 0.2


def test_figure_2_in_words(scored):
    page = figure_2([scored])
    values = page.record["sets"]["hyperpartisan"]["prefix-propagation"]
    assert values == dict(enumerate(scored.variants[1].values("f1_binary")))
    grid = page.blocks[1]
    assert grid.rows[1][0] == "prefix-propagation"
    assert len(grid.rows[1][2].split()) == 4


def test_figure_3_holds_every_document():
    figure = draw_3(LENGTHS)
    for axes, counts in zip(figure.axes, LENGTHS.values(), strict=True):
        bars = [bar.get_height() for bar in axes.patches]
        assert sum(bars) == pytest.approx(100)
        assert axes.get_xscale() == "log"
        marks = {line.get_xdata()[0] for line in axes.lines}
        assert marks == {np.median(counts), 512, 4096}


@pytest.mark.parametrize("n", [1, 12, 3000])
def test_the_bins_of_figure_3_are_as_many_as_the_documents_can_fill(n):
    (axes,) = draw_3({"mine": rng.lognormal(6, 0.8, n).astype(int)}).axes
    assert len(axes.patches) == min(60, int(6 + 2 * n**0.5))
    assert axes.texts[0].get_text().startswith(f"{n:,} document{'s' * (n > 1)}, median")
    assert_readable(axes.figure)


def test_figure_3_in_words():
    record = figure_3({"mine": np.array([1, 511, 512, 513, 5000])}).record["sets"]["mine"]
    assert record["n"] == 5
    assert record["percentiles"]["50"] == 512
    assert record["percentiles"]["100"] == 5000
    assert record["longer_than"] == {"512": 0.4, "4096": 0.2}


def test_figure_4_is_computed_from_the_logits_of_each_epoch(runs, epochs):
    found = epochs["hyperpartisan"][0]
    assert (found.name, found.epochs) == ("prefix-tuning", [1, 2, 3])
    for seed in range(3):
        folder = runs / f"prefix-tuning-{seed}" / "eval"
        for place, step in enumerate((5, 10, 15)):
            saved = load_logits(folder, f"validation-step-{step:06d}")
            wanted = classification_metrics(saved.logits, saved.labels, metrics=ClassMetrics(2))
            for metric in ("ece", "ece_paper", "accuracy"):
                assert found.values[metric][place, seed] == wanted[metric]


def test_figure_4_draws_means_and_bands(epochs):
    figure = draw_4(epochs)
    upper, lower = figure.axes
    for axes, metric in ((upper, "ece"), (lower, "accuracy")):
        lines = {line.get_label(): line.get_ydata() for line in axes.lines}
        for each in epochs["hyperpartisan"]:
            assert list(lines[each.name]) == list(each.values[metric].mean(axis=1))
    n_bands = len([each for each in epochs["hyperpartisan"] if each.n_seeds > 1])
    assert len(upper.collections) == n_bands + 1  # one that stands in the legend


def test_figure_4_in_words(epochs):
    page = figure_4(epochs)
    ece = epochs["hyperpartisan"][0].values["ece"].mean(axis=1)
    cells = page.blocks[1].rows[0]
    assert cells[3] == f"{ece[0]:.3f}"
    assert (cells[4], cells[5]) == (f"{ece.min():.3f}", str(1 + ece.argmin()))
    (record,) = page.record["sets"]
    assert record["name"] == "hyperpartisan"
    assert [each["epochs"] for each in record["courses"]] == [[1, 2, 3]] * 3


def test_epochs_that_not_all_seeds_have_are_left_out(tmp_path):
    finished.write(tmp_path / "a", finished.config(), epochs=3)
    finished.write(tmp_path / "b", finished.config(), epochs=2, seed=1)
    ((data,), _) = group(collect([tmp_path]).runs)
    assert epoch_scores([data])["hyperpartisan"][0].epochs == [1, 2]


def test_runs_without_stored_epochs(tmp_path):
    finished.write(tmp_path / "a", finished.config(), epochs=0)
    ((data,), _) = group(collect([tmp_path]).runs)
    with pytest.raises(DataError, match="no run has the logits of its epochs"):
        epoch_scores([data])
