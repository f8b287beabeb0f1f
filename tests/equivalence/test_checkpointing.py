"""Gradient checkpointing changes the memory, and no number: same outputs, same gradients."""

import pytest
import torch
from torch import Tensor, nn

from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.methods import METHODS, Method, Options, create
from tests.helpers import tiny
from tests.helpers.compare import random
from tests.helpers.encode import encode

CASES = [(name, "none") for name in METHODS] + [
    (name, kernel)
    for name in ("prefix-propagation", "prefix-tuning", "combined")
    for kernel in ("exp", "rbf")
]


def model(
    name: str, kernel: str, *, model_type: str, attention_dropout: float = 0.1
) -> tuple[Encoder, Method]:
    encoder = tiny.ours(
        tiny.hugging_face(model_type), dropout=0.1, attention_dropout=attention_dropout
    )
    options = Options(prefix_length=3, tuning_length=2, kernel=kernel, alpha_trainable=True)
    method = create(name, encoder.config, options)
    encoder.requires_grad_(method.trains_backbone)
    return encoder.train(), method.train()


def step(
    encoder: Encoder, method: Method, *, checkpointing: bool, read_one: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Output and gradients of everything that trains, in train mode, always of the same seed."""
    both = nn.ModuleDict({"encoder": encoder, "method": method})
    both.zero_grad()
    encoder.gradient_checkpointing = checkpointing
    torch.manual_seed(7)
    output = encode(
        encoder,
        tiny.batch([40, 9], [3, 1]),
        method,
        read=(lambda layout: layout.one_per_row(1)) if read_one else None,
    )
    if output.requires_grad:
        (output * random(*output.shape)).sum().backward()
    gradients = {name: p.grad for name, p in both.named_parameters() if p.grad is not None}
    return output.detach(), gradients


@pytest.mark.parametrize("model_type", ["longformer", "roberta"])
@pytest.mark.parametrize("read_one", [False, True])
@pytest.mark.parametrize("attention_dropout", [0.0, 0.1])  # backends differ
@pytest.mark.parametrize(("name", "kernel"), CASES)
def test_checkpointed_is_plain(
    name: str, kernel: str, attention_dropout: float, read_one: bool, model_type: str
):
    encoder, method = model(
        name, kernel, model_type=model_type, attention_dropout=attention_dropout
    )
    output, gradients = step(encoder, method, checkpointing=False, read_one=read_one)
    again, checkpointed = step(encoder, method, checkpointing=True, read_one=read_one)
    assert torch.equal(again, output)
    assert checkpointed.keys() == gradients.keys()
    assert len(gradients) >= len([*method.parameters()])
    for key, gradient in gradients.items():
        assert torch.equal(checkpointed[key], gradient), key


def test_it_keeps_less():
    encoder, method = model("prefix-propagation", "none", model_type="longformer")
    kept = {}
    for checkpointing in (False, True):
        sizes: list[int] = []

        def keep(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        encoder.gradient_checkpointing = checkpointing
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            encode(encoder, tiny.batch([300], [1]), method)
        kept[checkpointing] = sum(sizes)
    assert kept[True] < 0.2 * kept[False], kept


def test_without_gradients_nothing_is_recomputed():
    encoder, method = model("prefix-propagation", "none", model_type="longformer")
    encoder.gradient_checkpointing = True
    texts = tiny.batch([20], [1])
    with torch.no_grad():
        assert not encode(encoder.eval(), texts, method.eval()).requires_grad
