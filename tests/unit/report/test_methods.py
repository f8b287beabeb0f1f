import pytest

from prefprop_cli.report.methods import (
    has_papers_backbone,
    method_label,
    method_order,
    papers_backbone,
)
from prefprop_cli.report.paper import ROBERTA
from tests.helpers.finished import config

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
