import pytest

from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.report import scores
from prefprop_cli.report.html import html_page
from prefprop_cli.report.page import Grid
from prefprop_cli.report.pairwise import compare_runs
from tests.helpers import finished
from tests.helpers.heard import hearing
from tests.helpers.html import Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for lr, quality in ((0.01, 1.6), (0.001, 0.9)):
        for seed in range(3):
            config = finished.config(train={"lr": lr})
            finished.write(folder / f"lr-{lr}-{seed}", config, quality=quality, seed=seed)
    finished.write(folder / "tuned", finished.config("prefix-tuning"), quality=0.2)
    return folder


def page_of(folder, *, first="lr-0.001-1", metrics=("f1_binary", "ece"), **settings):
    return compare_runs([folder / first, folder], metrics=metrics, **settings)


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


def test_the_page_has_the_variants_and_a_comparison_for_each_metric(folder):
    page = page_of(folder)
    grids = [block for block in page.blocks if isinstance(block, Grid)]
    assert grids[0].header == ("runs", "seeds", "F1", "95 %", "ECE", "95 %")
    assert [row[1] for row in grids[0].rows] == ["1", "3", "3"]
    assert [grid.header[1] for grid in grids[1:]] == ["F1 +", "ECE +"]


def test_a_comparison_can_be_printed_and_is_html(folder):
    page = page_of(folder)
    assert str(page).startswith(f"## {folder / 'lr-0.001-1'} beside others, on test")
    found = Page(html_page("Runs", [page]))
    found.assert_alone()
    assert found.texts["h2"] == [page.title]
    assert page.blocks[0].rows[0][0] in found.texts["th"]
    assert len(found.texts["p"]) == sum(isinstance(block, str) for block in page.blocks)


def test_calibrated_logits_are_compared(folder):
    flat = page_of(folder, calibrated=lambda run, logits: logits / 100)
    raw = page_of(folder)
    for metric, same in (("f1_binary", True), ("ece", False)):
        figures = [
            [each["metrics"][metric]["values"] for each in page.record["lines"]]
            for page in (flat, raw)
        ]
        assert (figures[0] == figures[1]) == same


def test_the_first_that_was_named_must_be_there(folder, tmp_path):
    run = finished.write(tmp_path / "late", finished.config(), status="interrupted")
    with hearing() as heard, pytest.raises(UsageError, match="Name that one first"):
        page_of(folder, first=run)
    assert heard.notes[0].startswith(f"left out, interrupted: {run}")


def test_runs_that_were_not_evaluated_are_first(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "logits_of", finished.evaluate)
    run = finished.write(tmp_path / "new", finished.config("fine-tuning"), splits=["validation"])
    with hearing() as heard:
        compare_runs([run, folder / "tuned"])
    assert heard.notes == [f"evaluating {run} on test (1 of 1)"]


def test_seeds_alone_are_no_comparison(tmp_path):
    runs = [finished.write(tmp_path / f"{k}", finished.config(), seed=k) for k in (0, 1)]
    with pytest.raises(UsageError, match="seeds of one configuration"):
        compare_runs(runs)


def test_other_documents_are_no_comparison(tmp_path):
    one = finished.write(tmp_path / "one", finished.config())
    two = finished.write(tmp_path / "two", finished.config("prefix-tuning"), n=40)
    with pytest.raises(DataError, match=r"different documents.*one.*two"):
        compare_runs([one, two])


def test_a_metric_there_is_not_is_refused(folder):
    with pytest.raises(UsageError, match=r"^foo, bar: no such metric. There are precision"):
        page_of(folder, metrics=("foo", "ece", "bar"))
