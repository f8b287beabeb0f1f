"""Prefix-propagation is the stock `transformers` model with one forward-pre-hook per layer.

The hook adds the prefix out of place to the first P rows; they hold no word and are global.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from prefprop_cli.core.methods import Options, create
from tests.helpers import tiny
from tests.helpers.backends import ON_CPU
from tests.helpers.compare import assert_close, random
from tests.helpers.encode import assert_is_the_formula, encode, gradients

P = 3


def hooked(
    theirs: PreTrainedModel, *, placeholder: str
) -> tuple[PreTrainedModel, nn.ParameterList]:
    """The model and the prefixes that its layers add."""
    width = theirs.config.hidden_size
    prefixes = nn.ParameterList(nn.Parameter(torch.zeros(P, width)) for _ in theirs.encoder.layer)

    def adding(prefix: nn.Parameter, keep: float) -> Callable[..., tuple[Tensor, ...]]:
        def hook(layer: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            hidden, *others = given
            front = hidden[:, :P] * keep + prefix
            return torch.cat([front, hidden[:, P:]], dim=1), *others

        return hook

    for number, (layer, prefix) in enumerate(zip(theirs.encoder.layer, prefixes, strict=True)):
        keep = 0.0 if placeholder == "zero" and number == 0 else 1.0
        layer.register_forward_pre_hook(adding(prefix, keep))
    return theirs, prefixes


def run_theirs(theirs: PreTrainedModel, texts: tiny.Batch) -> Tensor:
    """(B, P + S, W)."""
    n_rows = len(texts.input_ids)
    arguments = texts.arguments_of(theirs.config.model_type)
    words = theirs.embeddings.word_embeddings(arguments.pop("input_ids"))
    front = {name: mask.new_ones(n_rows, P) for name, mask in arguments.items()}
    return theirs(
        inputs_embeds=torch.cat([words.new_zeros(n_rows, P, words.shape[-1]), words], dim=1),
        **{name: torch.cat([front[name], mask], dim=1) for name, mask in arguments.items()},
    ).last_hidden_state


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("placeholder", ["embedded", "zero"])
@pytest.mark.parametrize(
    ("model_type", "lengths", "n_globals"),
    [
        ("longformer", [5], [1]),
        ("longformer", [40, 13, 29], [0, 1, 4]),
        ("longformer", [150, 61], [40, 0]),  # too many globals to absorb
        ("roberta", [40, 13], [0, 1]),
        ("bert", [40, 13], [0, 0]),
    ],
)
def test_values_and_gradients(
    model_type: str, lengths: list[int], n_globals: list[int], placeholder: str, backend: str
):
    stock = tiny.hugging_face(model_type, windows=(8, 16, 4))
    encoder = tiny.ours(stock, attention=backend)
    options = Options(prefix_length=P, init_std=1, placeholder=placeholder)
    method = create("prefix-propagation", encoder.config, options).eval()
    texts = tiny.batch(lengths, n_globals, pad_id=stock.config.pad_token_id)
    theirs, prefixes = hooked(stock, placeholder=placeholder)
    prefixes.load_state_dict(method.prefix.state_dict())

    is_there = torch.nn.functional.pad(texts.attention_mask, (P, 0), value=True)
    expected = run_theirs(theirs, texts)[is_there]
    actual = encode(encoder, texts, method)
    assert_close(actual, expected, within=1e-5, what="hidden states")
    weights = random(*expected.shape)
    (expected * weights).sum().backward()
    (actual * weights).sum().backward()
    for number, prefix in enumerate(prefixes):
        gradient = gradients(method)[f"prefix.{number}"]
        assert_close(
            gradient, prefix.grad, within=1e-5, relative=True, what=f"prefix of layer {number}"
        )


@pytest.mark.parametrize("placeholder", ["embedded", "zero"])
@pytest.mark.parametrize("name", ["prefix-propagation", "combined"])
def test_it_is_the_formula(name: str, placeholder: str):
    """The dense oracle, which also knows the combination with prefix-tuning."""
    theirs = tiny.hugging_face("longformer", windows=(4, 8))
    encoder = tiny.ours(theirs)
    options = Options(prefix_length=P, tuning_length=2, init_std=1, placeholder=placeholder)
    method = create(name, encoder.config, options).eval()
    assert_is_the_formula(
        theirs,
        encoder,
        method,
        tiny.batch([14, 5], [1, 0]),
        zero_placeholders=placeholder == "zero",
    )


def test_the_public_call_leaves_the_placeholders_out():
    encoder = tiny.ours(tiny.hugging_face("longformer"))
    method = create("prefix-propagation", encoder.config, Options(prefix_length=P)).eval()
    texts = tiny.batch([20, 9], [1, 1])
    with torch.no_grad():
        padded = encoder(texts.input_ids, texts.attention_mask, texts.global_mask, method(2))
        first, second = encode(encoder, texts, method).split([P + 20, P + 9])
    assert torch.equal(padded[0], first[P:])
    assert torch.equal(padded[1, :9], second[P:])
    assert not padded[1, 9:].any()
