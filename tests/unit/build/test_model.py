import pytest
import torch
from torch import nn

from prefprop_cli.build.model import Classifier, create_classifier, trained_numbers
from prefprop_cli.config.schema import MethodTable, ModelTable
from prefprop_cli.model.config import EncoderConfig
from prefprop_cli.model.encoder import Encoder
from prefprop_cli.tasks.classification import collate, losses
from prefprop_cli.training.guards import check_gradients
from tests.helpers.shapes import LONGFORMER_BASE

TINY = EncoderConfig(
    model_type="longformer",
    vocab_size=30,
    width=16,
    n_layers=2,
    n_heads=2,
    ffn_width=24,
    n_positions=40,
    n_token_types=1,
    pad_id=1,
    layer_norm_eps=1e-5,
    activation="gelu",
    windows=(4, 4),
)


def classifier(config: EncoderConfig, *, n_classes: int = 2, **method: object) -> Classifier:
    return create_classifier(
        Encoder(config),
        model=ModelTable(),
        method=MethodTable.model_validate(method),
        n_classes=n_classes,
    )


@pytest.mark.parametrize(
    ("method", "numbers", "percent"),
    [
        ({"name": "prefix-propagation", "prefix_length": 8}, 73_728, 0.0498),
        ({"name": "prefix-propagation", "prefix_length": 32}, 294_912, 0.199),
        ({"name": "prefix-tuning", "prefix_length": 8}, 147_456, 0.0996),
        ({"name": "prefix-tuning", "prefix_length": 32}, 589_824, 0.398),
        ({"name": "combined", "prefix_length": 8, "tuning_length": 8}, 221_184, 0.1494),
        ({"name": "head-only"}, 0, 0.0),
    ],
)
def test_the_papers_trained_numbers(
    method: dict[str, object], numbers: int, percent: float
) -> None:
    with torch.device("meta"):
        counted = trained_numbers(classifier(LONGFORMER_BASE, **method))
    assert counted.method == numbers
    assert counted.method_percent == pytest.approx(percent, abs=5e-4 if numbers > 2e5 else 5e-5)
    assert counted.of_backbone == pytest.approx(148.1e6, abs=0.05e6)
    assert counted.total == numbers + 592_130


@pytest.mark.parametrize(("n_classes", "head"), [(2, 592_130), (11, 599_051), (20, 605_972)])
def test_the_papers_heads(n_classes: int, head: int) -> None:
    with torch.device("meta"):
        assert trained_numbers(classifier(LONGFORMER_BASE, n_classes=n_classes)).head == head


def test_fine_tuning_trains_every_weight() -> None:
    model = classifier(TINY, name="fine-tuning")
    counted = trained_numbers(model)
    assert counted.backbone == counted.of_backbone
    assert counted.method_percent == 100


def batch() -> object:
    return collate(["a", "b"], [[2, 5, 6, 7, 8, 9, 3], [2, 9, 3]], [0, 1])


def backward(model: nn.Module) -> None:
    losses(model(batch()), batch()).sum().backward()


@pytest.mark.parametrize("pool", ["cls", "prefix"])
def test_the_backbone_of_a_prefix_gets_no_gradient(pool: str) -> None:
    model = classifier(TINY, name="prefix-propagation", prefix_length=2, pool=pool)
    backward(model)
    check_gradients(model, model.trained)
    assert all(parameter.grad is None for parameter in model.backbone.parameters())


def test_unread_names_exactly_what_the_loss_cannot_reach() -> None:
    model = classifier(TINY, name="fine-tuning")
    backward(model)
    without = {name for name, p in model.trained.items() if p.grad is None}
    biases = {name for name in model.unread if name.endswith("key_global.bias")}
    assert model.unread - biases == without
    for name in biases:
        assert model.trained[name].grad.abs().max() < 1e-7
    check_gradients(model, model.trained, unreached=model.unread)
    with pytest.raises(Exception, match=r"qkv\.weight"):
        check_gradients(model, model.trained)


def test_pool_chooses_the_position_the_head_reads() -> None:
    torch.manual_seed(0)
    model = classifier(TINY, name="prefix-propagation", prefix_length=2).eval()
    read: list[torch.Tensor] = []
    model.head.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0]))
    with torch.no_grad():
        model(batch())
        model.pool = "prefix"
        model(batch())
    assert not torch.allclose(*read)


def test_the_loss_of_a_batch_is_that_of_its_documents() -> None:
    model = classifier(TINY, name="prefix-propagation", prefix_length=2).eval()
    together = losses(model(batch()), batch())
    alone = [collate(["a"], [[2, 5, 6, 7, 8, 9, 3]], [0]), collate(["b"], [[2, 9, 3]], [1])]
    assert torch.allclose(together, torch.cat([losses(model(b), b) for b in alone]), atol=1e-6)


def test_an_adapter_has_one_name_for_each_trained_tensor() -> None:
    names = classifier(TINY, name="combined", kernel="rbf", alpha_trainable=True).trained.keys()
    assert {name.split(".")[0] for name in names} == {"method", "head"}
    assert {
        "method.prefix.propagation.prefix.0",
        "method.prefix.tuning.key.1",
        "method.kernels.0.log_lengthscale",
        "method.alpha.1",
        "head.out.bias",
    } <= names
