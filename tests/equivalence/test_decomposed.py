"""The kernel decomposition is its formula, and the joint softmax is one of its cases."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from prefprop_cli.core.attention import Band, Rows, VisibleKeys, reference
from prefprop_cli.core.attention.kernels import Exp
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.methods import Options, create
from prefprop_cli.core.methods.prefix_propagation import PrefixPropagation
from tests.helpers import tiny
from tests.helpers.backends import ON_CPU
from tests.helpers.compare import assert_close, max_difference, random
from tests.helpers.encode import assert_is_the_formula, encode

KERNELS = ["exp", "rbf", "poly", "linear"]
PREFIXES = ["prefix-propagation", "prefix-tuning", "combined"]
OPTIONS = Options(prefix_length=3, tuning_length=2, init_std=1, alpha=0.7, alpha_trainable=True)


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("name", PREFIXES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_longformer(kernel: str, name: str, backend: str):
    theirs = tiny.hugging_face("longformer", windows=(4, 8))
    encoder = tiny.ours(theirs, attention=backend)
    method = create(name, encoder.config, replace(OPTIONS, kernel=kernel)).eval()
    texts = tiny.batch([7, 11, 1], [2, 0, 0])
    assert_is_the_formula(theirs, encoder, method, texts, kernel=kernel)


@pytest.mark.parametrize("name", PREFIXES)
def test_full_attention(name: str):
    theirs = tiny.hugging_face("roberta")
    encoder = tiny.ours(theirs)
    method = create(name, encoder.config, replace(OPTIONS, kernel="exp")).eval()
    assert_is_the_formula(theirs, encoder, method, tiny.batch([9, 14], [0, 0]), kernel="exp")


@pytest.mark.parametrize("name", PREFIXES)
def test_more_globals_than_are_absorbed_and_an_alpha_for_each_head(name: str):
    theirs = tiny.hugging_face("longformer", windows=(4, 8), n_heads=4)
    encoder = tiny.ours(theirs)
    method = create(
        name, encoder.config, replace(OPTIONS, kernel="exp", alpha_per_head=True)
    ).eval()
    with torch.no_grad():
        for number, alpha in enumerate(method.alpha):
            alpha.copy_(random(4, 1, seed=number))
    assert_is_the_formula(theirs, encoder, method, tiny.batch([26, 5], [17, 1]), kernel="exp")


@pytest.mark.parametrize("name", ["prefix-propagation", "combined"])
def test_placeholders_that_begin_as_zeros(name: str):
    theirs = tiny.hugging_face("longformer", windows=(4, 8))
    encoder = tiny.ours(theirs)
    method = create(name, encoder.config, replace(OPTIONS, placeholder="zero", kernel="exp")).eval()
    texts = tiny.batch([9, 14], [1, 0])
    assert_is_the_formula(theirs, encoder, method, texts, kernel="exp", zero_placeholders=True)


def shifted(encoder: Encoder, n: int) -> Encoder:
    """The encoder whose texts begin at position n."""
    table = encoder.embeddings.position.weight
    first = encoder.config.first_position
    with torch.no_grad():
        table[first:-n] = table[first + n :].clone()
    return encoder


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("model_type", ["longformer", "roberta"])
@pytest.mark.parametrize("name", PREFIXES)
def test_without_weight_the_text_comes_out_as_of_the_plain_model(
    name: str, model_type: str, kernel: str
):
    theirs = tiny.hugging_face(model_type)
    encoder, plain = tiny.ours(theirs), tiny.ours(theirs)
    method = create(name, encoder.config, replace(OPTIONS, kernel=kernel, alpha=0.0)).eval()
    if method.n_placeholders:
        plain = shifted(plain, method.n_placeholders)
    texts = tiny.batch([30, 9], [2, 1])
    arguments = texts.input_ids, texts.attention_mask, texts.global_mask
    with torch.no_grad():
        expected = plain(*arguments)
        assert_close(encoder(*arguments, method(2)), expected, within=1e-5)
        for alpha in method.alpha:
            alpha.fill_(0.5)
        assert max_difference(encoder(*arguments, method(2)), expected) > 1e-2


def log_sum_exp(query: Tensor, key: Tensor, seen: Tensor) -> Tensor:
    """(S, H, 1), of the scores of the keys that are seen."""
    scores = torch.einsum("qhd,khd->qhk", query, key) * query.shape[-1] ** -0.5
    return scores.masked_fill(~seen.unsqueeze(1), -torch.inf).logsumexp(-1, keepdim=True)


@pytest.mark.parametrize("half_window", [2, None])
def test_gated_it_is_the_joint_softmax(half_window: int | None):
    """(1 - λ) · text + λ · prefix with λ = sigmoid(lse_P - lse_C); the paper, eq. 6."""
    n, n_prefix, heads, width = 11, 3, 2, 8
    query, key, value = random(3, n, heads, width, seed=1, std=2)
    prefix_key, prefix_value = random(2, n_prefix, heads, width, seed=2, std=2)
    rows = Rows.of_lengths([n])
    band = Band(rows, rows, half_window)
    joint = reference.attend(
        query,
        key,
        value,
        band,
        visible=VisibleKeys(prefix_key[None], prefix_value[None]),
    )

    seen = reference.seen_keys(band, 0, device=query.device)
    all_seen = torch.ones(n, n_prefix, dtype=torch.bool)
    gate = torch.sigmoid(log_sum_exp(query, prefix_key, all_seen) - log_sum_exp(query, key, seen))
    assert gate.min() < 0.1, "the identity must not be tested on the prefix alone"
    assert gate.max() > 0.9, "the identity must not be tested on the text alone"
    of_text = reference.attend(query, key, value, band)
    of_prefix = Exp(width)(query, prefix_key, prefix_value)
    assert_close((1 - gate) * of_text + gate * of_prefix, joint, within=5e-6)


def test_a_prefix_key_of_a_placeholder_is_the_projection_of_its_hidden_state():
    """The prefix term follows what the placeholder has gathered, not the parameter alone."""
    encoder = tiny.ours(tiny.hugging_face("longformer", windows=(4, 8)))
    method = create("prefix-propagation", encoder.config, replace(OPTIONS, kernel="exp")).eval()
    assert isinstance(method.prefix, PrefixPropagation)
    texts = tiny.batch([30], [0])
    encode(encoder, texts, method)[-1].sum().backward()
    assert method.prefix.prefix[0].grad.any()
