import pytest
import torch
from torch import nn

from prefprop_cli.errors import NonFiniteError, PrefpropError
from prefprop_cli.training.events import Evaluation
from prefprop_cli.training.guards import (
    check_finite_state,
    check_finite_step,
    check_gradients,
    collapse_warning,
)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 2)
        self.backbone = nn.Linear(2, 2).requires_grad_(False)
        self.prefix = nn.Parameter(torch.zeros(2))

    def trained(self) -> dict[str, nn.Parameter]:
        return {"words": self.words.weight, "prefix": self.prefix}

    def forward(self) -> torch.Tensor:
        hidden: torch.Tensor = self.backbone(self.words(torch.tensor([1])) + self.prefix)
        return hidden


def test_a_run_that_trains_passes_also_with_unseen_words():
    model = Model()
    model().sum().backward()
    check_gradients(model, model.trained())
    assert not model.words.weight.grad[0].any()


def test_names_a_trained_tensor_the_loss_does_not_reach():
    model = Model()
    model.backbone(model.words(torch.tensor([1]))).sum().backward()
    with pytest.raises(PrefpropError, match="prefix have no gradient"):
        check_gradients(model, model.trained())


def test_a_tensor_known_to_be_unreached_may_have_no_gradient():
    model = Model()
    model.backbone(model.words(torch.tensor([1]))).sum().backward()
    check_gradients(model, model.trained(), unreached={"prefix"})
    with pytest.raises(PrefpropError, match="prefix have no gradient"):
        check_gradients(model, model.trained(), unreached={"words"})


def test_names_a_trained_tensor_whose_gradient_is_zero():
    model = Model()
    (model().sum() + 0 * model.prefix.sum()).backward()
    model.prefix.grad.zero_()
    with pytest.raises(PrefpropError, match="prefix have a gradient that is zero everywhere"):
        check_gradients(model, model.trained())


def test_names_a_frozen_parameter_with_a_gradient():
    model = Model()
    model.backbone.weight.requires_grad_(True)
    model().sum().backward()
    with pytest.raises(PrefpropError, match=r"backbone\.weight are frozen and have a gradient"):
        check_gradients(model, model.trained())


def test_says_all_problems_at_once_and_counts_many():
    model = Model()
    model.backbone.requires_grad_(True)
    model.backbone(torch.ones(2)).sum().backward()
    many = {f"layer{i}": nn.Parameter(torch.zeros(1)) for i in range(10)}
    with pytest.raises(PrefpropError) as found:
        check_gradients(model, many)
    assert "layer7 and 2 more have no gradient" in str(found.value)
    assert "layer8" not in str(found.value)
    assert "backbone.weight, backbone.bias are frozen" in str(found.value)


def check_step(losses: list[float], grad_norm: float) -> None:
    check_finite_step(
        torch.tensor(losses), torch.tensor(grad_norm), step=7, ids=["a", "b", "c"], lr=0.5
    )


def test_a_finite_step_passes():
    check_step([1.0, 2.0, 3.0], 4.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_names_the_documents_whose_loss_is_not_finite(value):
    with pytest.raises(NonFiniteError, match=r"the loss of step 7 is not finite, in b, c\. .*0\.5"):
        check_step([1.0, value, value], value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_names_all_documents_of_a_gradient_that_is_not_finite(value):
    with pytest.raises(NonFiniteError, match="the gradient of step 7 is not finite, in a, b, c"):
        check_step([1.0, 2.0, 3.0], value)


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_names_a_tensor_that_must_not_be_saved(value):
    good, bad = torch.zeros(3), torch.tensor([0.0, value])
    check_finite_state({"good": good, "count": torch.tensor(3)}, step=2)
    with pytest.raises(NonFiniteError, match="step 2 made head not finite"):
        check_finite_state({"good": good, "head": bad}, step=2)


@pytest.mark.parametrize(
    ("n_predicted", "n_labelled", "collapsed"),
    [
        ((0, 9, 0), (3, 3, 3), True),
        ((0, 9, 0), (0, 8, 1), True),
        ((1, 8, 0), (3, 3, 3), False),
        ((0, 9, 0), (0, 9, 0), False),
        ((0, 9, 0), (9, 0, 0), False),
        ((0, 0), (0, 0), False),
    ],
)
def test_warns_when_all_predictions_are_of_one_class(n_predicted, n_labelled, collapsed):
    warning = collapse_warning(Evaluation({}, n_predicted, n_labelled))
    assert (warning is not None) == collapsed


def test_the_collapse_warning_counts_and_advises():
    warning = collapse_warning(Evaluation({}, (0, 9, 0), (3, 3, 3)))
    assert warning is not None
    assert "all 9 validation documents" in warning
    assert "they are of 3" in warning
    assert "train.lr" in warning
