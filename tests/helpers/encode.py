"""The encoder with a method on the packed tokens that its layers see, and against the oracle."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Layout, OutputPositions, Tokens, pack
from prefprop_cli.core.methods import Method
from tests.helpers import oracle
from tests.helpers.compare import assert_close, random
from tests.helpers.tiny import Batch


def encode(
    encoder: Encoder,
    texts: Batch,
    method: Method,
    *,
    read: Callable[[Layout], OutputPositions] | None = None,
) -> Tensor:
    """Packed hidden states (T, W), placeholders included, or those that `read` chooses."""
    tokens, layout = lay_out(texts, method)
    prefix = method(len(texts.input_ids))
    return encoder.encode(tokens, layout, prefix, read=read(layout) if read else None)


def lay_out(texts: Batch, method: Method) -> tuple[Tokens, Layout]:
    tokens = pack(texts.input_ids, texts.attention_mask, texts.global_mask)
    return tokens, Layout.of(tokens, n_placeholders=method.n_placeholders)


def assert_is_the_formula(
    theirs: PreTrainedModel,
    encoder: Encoder,
    method: Method,
    texts: Batch,
    *,
    kernel: str = "none",
    zero_placeholders: bool = False,
) -> None:
    """Hidden states of all rows and gradients of all the method's parameters, as the oracle's."""
    formula, leaves = oracle.given(
        method, kernel=oracle.KERNELS.get(kernel), zero_placeholders=zero_placeholders
    )
    actual = encode(encoder, texts, method)
    rows = zip(texts.input_ids, texts.attention_mask, texts.global_mask, strict=True)
    expected = torch.cat(
        [
            oracle.Oracle(theirs)(ids[mask], is_global[mask], formula)
            for ids, mask, is_global in rows
        ]
    )
    assert_close(actual, expected, within=1e-5, what="hidden states")
    weights = random(*expected.shape)
    (actual * weights).sum().backward()
    (expected * weights.double()).sum().backward()
    for name, gradient in gradients(method).items():
        assert_close(gradient, leaves[name].grad, within=5e-5, relative=True, what=name)


def gradients(module: nn.Module) -> dict[str, Tensor]:
    """Of every parameter that trains, by name; zeros where nothing depends on it."""
    return {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }
