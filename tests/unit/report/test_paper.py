import numpy as np
import pytest

from prefprop_cli import tables
from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.report.paper import ROBERTA, paper_columns, paper_figures
from prefprop_cli.tasks.metrics import ClassMetrics

SETS = ("newsgroups", "hyperpartisan", "arxiv", "wikihop")
METHODS = (ROBERTA, "prefix-tuning", "prefix-propagation", "fine-tuning")


@pytest.mark.parametrize("method_name", METHODS)
@pytest.mark.parametrize("set_name", SETS)
def test_figures_are_fractions_of_metrics_that_we_compute(set_name, method_name):
    ours = classification_metrics(np.eye(2), [0, 1], metrics=ClassMetrics(2))
    figures = paper_figures(set_name, method_name)
    assert figures
    assert set(figures) <= set(ours)
    assert all(0 < value < 1 for value in figures.values())


def test_figures_of_two_experiments():
    assert paper_figures("arxiv", "prefix-propagation") == {
        "precision_macro": 0.831,
        "recall_macro": 0.831,
        "f1_micro": 0.833,
        "ece_paper": 0.042,
    }
    assert paper_figures("wikihop", "prefix-propagation") == {"accuracy": 0.422}
    assert paper_figures("hyperpartisan", ROBERTA) == {
        "precision_binary": 0.704,
        "recall_binary": 0.592,
        "f1_binary": 0.641,
        "ece_paper": 0.228,
    }


@pytest.mark.parametrize("set_name", [*SETS, "sotu"])
def test_columns_are_those_of_the_figures(set_name):
    columns = paper_columns(set_name)
    figures = paper_figures(set_name, "prefix-tuning")
    assert tuple(figures)[: len(columns)] == (columns if figures else ())
    assert columns[-1] in ("f1_micro", "f1_binary", "accuracy")


@pytest.mark.parametrize("method_name", METHODS)
def test_hyperpartisan_f1_is_of_the_positive_class(method_name):
    figures = paper_figures("hyperpartisan", method_name)
    precision, recall = figures["precision_binary"], figures["recall_binary"]
    harmonic = 2 * precision * recall / (precision + recall)
    assert figures["f1_binary"] == pytest.approx(harmonic, abs=0.01)


def test_names_are_those_of_the_configuration():
    assert set(METHODS) - {ROBERTA} <= set(tables.METHODS)
    assert set(SETS) <= set(tables.SETS)


@pytest.mark.parametrize("key", [("sotu", "fine-tuning"), ("arxiv", "head-only")])
def test_other_experiments_have_none(key):
    assert paper_figures(*key) == {}


def test_the_table_cannot_be_changed_through_an_answer():
    paper_figures("arxiv", "fine-tuning")["f1_micro"] = 0.0
    assert paper_figures("arxiv", "fine-tuning")["f1_micro"] == 0.833
