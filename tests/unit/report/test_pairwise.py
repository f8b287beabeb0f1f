import pytest

from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.report.collect import collect
from prefprop_cli.report.page import Grid
from prefprop_cli.report.pairwise import rivals, versus
from prefprop_cli.report.scores import score
from tests.helpers import finished


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for lr, quality in ((0.01, 1.6), (0.001, 0.9)):
        for seed in range(3):
            config = finished.config(train={"lr": lr})
            finished.write(folder / f"lr-{lr}-{seed}", config, quality=quality, seed=seed)
    finished.write(folder / "tuned", finished.config("prefix-tuning"), quality=0.2)
    return folder


def page_of(folder, first="lr-0.001-1", metrics=("f1_binary", "ece"), **scoring):
    data, _ = rivals(collect([folder]).runs)
    return versus(
        score(data, "test", **scoring), first=folder / first, metrics=metrics, name="x", title="X"
    )


def test_what_was_named_is_compared_even_if_it_lost_the_search(folder):
    page = page_of(folder)
    found = page.record["comparisons"]["f1_binary"]
    assert {each["first"] for each in found} == {"prefix-propagation (lr = 0.001)"}
    seconds = {each["second"]: each for each in found}
    assert set(seconds) == {"prefix-propagation", "prefix-tuning"}
    assert seconds["prefix-propagation"]["difference"] < 0
    assert seconds["prefix-tuning"]["difference"] > 0
    assert seconds["prefix-propagation"]["n"] == (3, 3)
    assert seconds["prefix-tuning"]["verdict"] == "cannot be told"


def test_the_page_has_the_lines_and_a_comparison_for_each_metric(folder):
    page = page_of(folder)
    grids = [block for block in page.blocks if isinstance(block, Grid)]
    assert grids[0].header == ("runs", "seeds", "F1", "95 %", "ECE", "95 %")
    assert [row[1] for row in grids[0].rows] == ["1", "3", "3"]
    assert [grid.header[1] for grid in grids[1:]] == ["F1 +", "ECE +"]


def test_calibrated_logits_are_compared(folder):
    flat = page_of(folder, calibrated=lambda run, logits: logits / 100)
    raw = page_of(folder)
    for metric, same in (("f1_binary", True), ("ece", False)):
        figures = [
            [each["metrics"][metric]["values"] for each in page.record["lines"]]
            for page in (flat, raw)
        ]
        assert (figures[0] == figures[1]) == same


def test_seeds_alone_are_no_comparison(tmp_path):
    for seed in (0, 1):
        finished.write(tmp_path / f"run-{seed}", finished.config(), seed=seed)
    with pytest.raises(UsageError, match="seeds of one configuration"):
        rivals(collect([tmp_path]).runs)


def test_other_documents_are_no_comparison(tmp_path):
    finished.write(tmp_path / "one", finished.config())
    finished.write(tmp_path / "two", finished.config("prefix-tuning"), n=40)
    with pytest.raises(DataError, match=r"different documents.*one.*two"):
        rivals(collect([tmp_path]).runs)
