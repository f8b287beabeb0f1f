"""Tables 2, 3 and 7: their cells and what they say of them."""

import json
from pathlib import Path

import numpy as np
import pytest

from prefprop_cli.calibration.null import expected_null_error
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.report.baselines import Baseline, Baselines
from prefprop_cli.report.collect import collect
from prefprop_cli.report.page import Grid, Heading, Page
from prefprop_cli.report.paper import PAPER_OVERHEAD
from prefprop_cli.report.scores import Estimate
from prefprop_cli.report.table_2 import table_2
from prefprop_cli.report.table_3 import table_3
from prefprop_cli.report.table_7 import table_7
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.seeds import summary
from tests.helpers import finished

FIGURES = {"precision_binary": 0.7, "recall_binary": 0.6, "f1_binary": 0.65}
FIGURES |= {"accuracy": 0.8, "ece": 0.11, "ece_paper": 0.12}
ESTIMATES = {
    name: Estimate(summary([value]), Interval(0.5, 0.75, 0.95)) for name, value in FIGURES.items()
}
BASELINES = Baselines((Baseline("TF-IDF", ESTIMATES),), ("no text is in two splits",))


def grids(page: Page) -> list[Grid]:
    return [block for block in page.blocks if isinstance(block, Grid)]


def words(page: Page) -> str:
    return "\n".join(block for block in page.blocks if isinstance(block, str))


def row(grid: Grid, name: str) -> dict[str, str]:
    cells = next(cells for cells in grid.rows if cells[0] == name)
    return dict(zip(grid.header, cells, strict=True))


@pytest.fixture(scope="module")
def page_2(scored):
    return table_2([scored], [BASELINES])


def test_table_2_has_ours_beside_the_papers(page_2, scored):
    values = 100 * np.array(scored.variants[1].values("f1_binary"))
    found = row(grids(page_2)[0], "prefix-propagation")
    assert found["seeds"] == "4"
    assert found["F1"] == f"{values.mean():.1f} ± {values.std(ddof=1):.1f}"
    assert found["paper"] == "86.4/77.7/81.8"
    one_seed = row(grids(page_2)[0], "fine-tuning")
    assert one_seed["95 % of F1, seeds"] == "-"
    assert "±" not in one_seed["F1"]


def test_table_2_has_baselines_below(page_2):
    assert grids(page_2)[0].rows[-1] == (
        *("TF-IDF", "-", "70.0", "60.0", "65.0", "80.0", "-", "[50.0, 75.0]", "-"),
    )
    assert "No text is in two splits" in words(page_2)


def test_what_can_be_detected_stands_before_the_verdict(page_2):
    blocks = list(page_2.blocks)
    power = next(n for n, b in enumerate(blocks) if isinstance(b, str) and "in 80 % of cases" in b)
    comparison = blocks.index(grids(page_2)[1])
    assert power < comparison
    found = row(grids(page_2)[1], "prefix-tuning")
    header = list(found)
    assert header.index("detectable") < header.index("verdict")
    assert found["verdict"] == "better"
    assert found["permuted"] == "0.057"  # 2 of 35: the least there is
    assert "No permutation p can be under 0.057" in words(page_2)
    assert row(grids(page_2)[1], "fine-tuning")["p Welch"] == "-"
    assert "4 beside 1 seed: nothing can be said of other seeds" in words(page_2)
    assert "comparisons (1)" in words(page_2)


def test_where_the_order_is_not_the_papers(page_2):
    assert "Only here fine-tuning beats prefix-propagation." in words(page_2)


def test_hyperpartisan_figures_of_the_paper_are_of_validation(page_2, scored):
    assert "paper's figures are of its validation split" in words(page_2)


def test_the_record_is_json_with_every_number(page_2, scored):
    (found,) = json.loads(json.dumps(page_2.record))["sets"]
    assert (found["n_documents"], found["n_classes"], found["split"]) == (60, 2, "test")
    line = found["lines"][1]
    assert (line["method"], line["seeds"]) == ("prefix-propagation", [0, 1, 2, 3])
    assert line["metrics"]["f1_binary"]["values"] == scored.variants[1].values("f1_binary")
    assert line["paper"]["f1_binary"] == 0.818
    assert found["comparisons"][0]["verdict"] == "better"
    assert found["order"]["reversed"] == [["fine-tuning", "prefix-propagation"]]
    (baseline,) = found["baselines"]
    assert (baseline["name"], baseline["figures"]) == ("TF-IDF", FIGURES)
    assert baseline["intervals"]["f1_binary"] == {"low": 0.5, "high": 0.75, "level": 0.95}


def test_the_leak_of_the_reference_split_is_told_once(tmp_path):
    finished.write(tmp_path / "a", finished.config(data={"split": "reference"}))
    found = finished.scored_in(tmp_path)
    assert "Leak: most of these articles are in the training split" in words(
        table_2([found], [Baselines()])
    )
    of_data = table_2([found], [Baselines(warnings=("leak: 51 of 65",))])
    assert words(of_data).count("Leak") == 1
    assert of_data.record["sets"][0]["warnings"] == ["leak: 51 of 65"]
    validation = table_3([finished.scored_in(tmp_path, "validation")], [Baselines()])
    assert "Leak" not in words(validation)
    assert "validation split" not in words(validation)


def test_what_else_is_said_of_runs_that_are_not_the_papers(tmp_path):
    small = {"backbone": "minilm", "to_long": 512}
    finished.write(tmp_path / "a", finished.config(model=small))
    finished.write(tmp_path / "b", finished.config("fine-tuning", model=small, train={"lr": 1e-5}))
    finished.write(tmp_path / "c", finished.config(model=small, train={"lr": 0.5}), quality=0.2)
    page = table_2([finished.scored_in(tmp_path)], [Baselines()])
    text = words(page)
    assert "minilm as a Longformer of 512 positions, the paper's is longformer-base-4096" in text
    assert "Not the same for all: train.lr = 0.01, but 1e-05 in fine-tuning." in text
    assert "Tried and left at validation" in text
    assert row(grids(page)[1], "prefix-propagation (lr = 0.5)")["seeds"] == "1"


def test_the_papers_order(tmp_path):
    for quality, method in enumerate(("prefix-tuning", "fine-tuning", "prefix-propagation")):
        config = finished.config(method)
        finished.write(tmp_path / method, config, quality=0.3 + quality)
    page = table_2([finished.scored_in(tmp_path)], [Baselines()])
    assert "The order by mean F1 is the paper's: prefix-propagation > fine-tuning" in words(page)


def test_a_set_the_paper_has_not(tmp_path):
    finished.write(tmp_path / "a", finished.config(set_name="sotu"), n_classes=6)
    finished.write(tmp_path / "b", finished.config("prefix-tuning", set_name="sotu"), n_classes=6)
    page = table_2([finished.scored_in(tmp_path)], [Baselines()])
    assert Heading("sotu") in page.blocks
    assert row(grids(page)[0], "prefix-tuning")["paper"] == "-"
    assert "paper" not in words(page)


def test_table_3_has_both_errors_and_what_chance_gives(scored):
    page = table_3([scored], [BASELINES])
    variant = scored.variants[1]
    found = row(grids(page)[0], "prefix-propagation")
    assert found["paper"] == "0.093"
    for name, column, mode, n_bins in (
        ("ece_paper", 2, "paper", 10),
        ("ece", 6, "guo", 15),
    ):
        cells = next(cells for cells in grids(page)[0].rows if cells[0] == "prefix-propagation")
        values = np.array(variant.values(name))
        assert cells[column] == f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"
        nulls = [
            expected_null_error(
                softmax(logits).max(axis=1), n_bins=n_bins, mode=mode, n_resamples=200
            )
            for logits in variant.logits
        ]
        mean, p95 = (
            np.mean([of(errors) for errors in nulls])
            for of in (np.mean, lambda errors: np.quantile(errors, 0.95))
        )
        assert cells[column + 2] == f"{mean:.3f} / {p95:.3f}"
        record = page.record["sets"][0]["calibrated_by_chance"]["prefix-propagation"][name]
        assert record == {"mean": mean, "p95": p95}
    assert grids(page)[0].rows[-1][2] == "0.120"
    assert row(grids(page)[1], "prefix-tuning")["verdict"] in ("better", "no difference shown")
    assert "The order by mean ECE by the paper's definition" in words(page)


def test_table_7_from_the_benchmark_in_the_repository():
    path = Path(__file__).parents[3] / "benchmarks" / "speed.json"
    timings = collect([path]).timings
    (grid,) = grids(table_7(timings))
    assert [cells[0] for cells in grid.rows] == ["no PEFT", *PAPER_OVERHEAD]
    plain, tuning, propagation = (dict(zip(grid.header, c, strict=True)) for c in grid.rows)
    assert (plain["paper: s"], plain["overhead"]) == ("2,192", "-")
    assert (tuning["paper: s"], tuning["paper: overhead"]) == ("2,238", "+2.1%")
    assert propagation["paper: overhead"] == "+0.2%"
    assert plain["s per document"] == f"{1 / timings[0]['docs_per_s']:.3g}"
    assert plain["s for 8,000"] == f"{8000 / timings[0]['docs_per_s']:,.0f}"
    assert tuning["overhead"] == f"{timings[1]['overhead']:+.1%}"
