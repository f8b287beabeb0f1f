import pytest
import torch
from torch import nn

from prefprop_cli.core.attention.native import why_not
from prefprop_cli.experiment.model import Classifier, count_parameters
from prefprop_cli.tasks.batch import Batch, losses
from prefprop_cli.training.guards import check_gradients
from tests.helpers.classifier import TINY, classifier
from tests.helpers.classifier import batch as batch_of
from tests.helpers.shapes import LONGFORMER_BASE


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
def test_the_papers_trainable_parameters(
    method: dict[str, object], numbers: int, percent: float
) -> None:
    with torch.device("meta"):
        counted = count_parameters(classifier(LONGFORMER_BASE, **method))
    assert counted.method == numbers
    assert counted.method_percent == pytest.approx(percent, abs=5e-4 if numbers > 2e5 else 5e-5)
    assert counted.of_backbone == pytest.approx(148.1e6, abs=0.05e6)
    assert counted.total == numbers + 592_130


@pytest.mark.parametrize(("n_classes", "head"), [(2, 592_130), (11, 599_051), (20, 605_972)])
def test_the_papers_heads(n_classes: int, head: int) -> None:
    with torch.device("meta"):
        assert count_parameters(classifier(LONGFORMER_BASE, n_labels=n_classes)).head == head


def test_fine_tuning_trains_every_weight() -> None:
    model = classifier(TINY, name="fine-tuning")
    counted = count_parameters(model)
    assert counted.backbone == counted.of_backbone
    assert counted.method_percent == 100


def batch() -> Batch:
    return batch_of([[2, 5, 6, 7, 8, 9, 3]], [[2, 9, 3]], labels=[0, 1])


def backward(model: nn.Module) -> None:
    losses(model(batch()), batch()).sum().backward()


@pytest.mark.parametrize("pool", ["cls", "prefix"])
def test_the_backbone_of_a_prefix_gets_no_gradient(pool: str) -> None:
    model = classifier(TINY, name="prefix-propagation", prefix_length=2, pool=pool)
    backward(model)
    check_gradients(model, model.trainable)
    assert all(parameter.grad is None for parameter in model.backbone.parameters())


def test_unread_names_exactly_what_the_loss_cannot_reach() -> None:
    model = classifier(TINY, name="fine-tuning")
    backward(model)
    without = {name for name, p in model.trainable.items() if p.grad is None}
    biases = {name for name in model.unreached if name.endswith("key_global.bias")}
    assert model.unreached - biases == without
    for name in biases:
        assert model.trainable[name].grad.abs().max() < 1e-7
    check_gradients(model, model.trainable, unreached=model.unreached)
    with pytest.raises(Exception, match=r"qkv\.weight"):
        check_gradients(model, model.trainable)


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
    alone = [batch_of([[2, 5, 6, 7, 8, 9, 3]], labels=[0]), batch_of([[2, 9, 3]], labels=[1])]
    assert torch.allclose(together, torch.cat([losses(model(b), b) for b in alone]), atol=1e-6)


def test_an_adapter_has_one_name_for_each_trained_tensor() -> None:
    names = classifier(TINY, name="combined", kernel="rbf", alpha_trainable=True).trainable.keys()
    assert {name.split(".")[0] for name in names} == {"method", "head"}
    assert {
        "method.prefix.propagation.prefix.0",
        "method.prefix.tuning.key.1",
        "method.kernels.0.log_lengthscale",
        "method.alpha.1",
        "head.out.bias",
    } <= names


LONG = batch_of([[2, 5, 6, 7, 3], [2, 8, 9, 3], [2, 4, 11, 3]], [[2, 9, 3]], labels=[0, 1])


def gradients(model: Classifier, of: Batch) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    model.zero_grad()
    losses(model(of), of).sum().backward()
    reached = {n: tensor for n, tensor in model.trainable.items() if n not in model.unreached}
    return {name: tensor.grad.clone() for name, tensor in reached.items()}


def test_the_logits_of_a_document_are_the_mean_of_those_of_its_rows() -> None:
    model = classifier(TINY, name="prefix-propagation", prefix_length=2).eval()
    alone = [batch_of([row], labels=[0]) for row in ([2, 5, 6, 7, 3], [2, 8, 9, 3], [2, 4, 11, 3])]
    expected = torch.cat([model(row) for row in alone]).mean(dim=0)
    assert torch.allclose(model(LONG)[0], expected, atol=1e-6)


@pytest.mark.parametrize("method", [{"name": "combined"}, {"name": "fine-tuning"}])
def test_rows_computed_part_by_part_have_the_gradients_of_all_at_once(method) -> None:
    no_dropout = {"model": {"dropout": 0.0}}
    model = classifier(TINY, tables=no_dropout, prefix_length=2, dropout=0.0, **method)
    model.chunks_per_pass = 4
    at_once = gradients(model, LONG)
    model.chunks_per_pass = 1
    for name, found in gradients(model, LONG).items():
        torch.testing.assert_close(found, at_once[name], atol=1e-6, rtol=1e-5)


def test_a_part_computed_again_has_the_dropout_of_the_first_time(monkeypatch) -> None:
    model = classifier(TINY, name="prefix-propagation", prefix_length=2)
    model.chunks_per_pass = 2
    found = gradients(model, LONG)
    monkeypatch.setattr(
        "prefprop_cli.experiment.model.checkpoint",
        lambda f, *arguments, use_reentrant: f(*arguments),
    )
    for name, expected in gradients(model, LONG).items():
        assert torch.equal(found[name], expected), name


def test_a_backend_may_be_chosen_for_the_first_time_inside_a_part() -> None:
    why_not.cache_clear()
    model = classifier(TINY, name="prefix-propagation", prefix_length=2)
    losses(model(LONG), LONG).sum().backward()
    check_gradients(model, model.trainable)


def bytes_kept(model: Classifier, n_chunks: int) -> int:
    """What autograd keeps of the forward pass of one document."""
    document = batch_of([[2, *range(4, 20), 3]] * n_chunks, labels=[0])
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        held = model(document)
    assert held.requires_grad
    return sum(kept.values())


def test_memory_does_not_grow_with_the_chunks_of_a_document() -> None:
    model = classifier(TINY, name="prefix-propagation", prefix_length=2)
    few, many = bytes_kept(model, 2), bytes_kept(model, 20)
    model.chunks_per_pass = 20
    assert many - few < 0.05 * bytes_kept(model, 20)
