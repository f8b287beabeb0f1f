import numpy as np
import pytest

from prefprop_cli import tables
from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.report.paper import (
    ROBERTA,
    has_papers_backbone,
    method_label,
    method_order,
    paper_columns,
    paper_figures,
    papers_backbone,
)
from prefprop_cli.tasks.metrics import ClassMetrics
from tests.helpers.finished import config

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


PAPERS = {"backbone": "allenai/longformer-base-4096"}


def test_kernel_forms_and_roberta_are_methods_of_their_own():
    assert method_label(config()) == "prefix-propagation"
    assert method_label(config(method={"kernel": "exp"})) == "prefix-propagation, exp kernel"
    on_roberta = config("prefix-tuning", model={"backbone": "/models/roberta-base"})
    assert method_label(on_roberta) == ROBERTA
    as_longformer = config("prefix-tuning", model={"backbone": "roberta-base", "to_long": 4096})
    assert method_label(as_longformer) == "prefix-tuning"


@pytest.mark.parametrize(
    ("model", "wanted", "is_the_papers"),
    [
        (PAPERS, "longformer-base-4096", True),
        ({"backbone": "allenai/longformer-base-4096@1234abc"}, "longformer-base-4096", True),
        ({"backbone": "minilm", "to_long": 4096}, "longformer-base-4096", False),
        ({"backbone": "roberta-base"}, "roberta-base", True),
        ({"backbone": "roberta-base", "to_long": 4096}, "longformer-base-4096", False),
        ({"backbone": "roberta-large"}, "roberta-base", False),
    ],
)
def test_the_papers_backbone(model, wanted, is_the_papers):
    assert papers_backbone(config(model=model)) == wanted
    assert has_papers_backbone(config(model=model)) == is_the_papers


def test_order_is_that_of_table_2():
    names = ["fine-tuning", "prefix-propagation, exp kernel", "prefix-tuning", "head-only"]
    names += ["prefix-propagation", ROBERTA]
    assert sorted(names, key=method_order) == [
        "head-only",
        ROBERTA,
        "prefix-tuning",
        "prefix-propagation",
        "prefix-propagation, exp kernel",
        "fine-tuning",
    ]
