"""Who depends on whom: no text token becomes global by accident.

In a model of one layer the gradient of output i with respect to the embedding of token j is exactly
zero unless i may see j; the released code lets a prefix turn text tokens into global ones.
"""

import pytest
import torch
from torch import Tensor, nn

from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.methods import Options, create
from tests.helpers import tiny
from tests.helpers.encode import encode

P, LENGTH, HALF = 3, 24, 2
METHODS = ["head-only", "prefix-tuning", "prefix-propagation", "combined"]


def cut_at_the_embeddings(encoder: Encoder) -> list[Tensor]:
    """Fills with the embeddings of a batch, which become leaves."""
    leaves: list[Tensor] = []

    def cut(module: nn.Module, given: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    encoder.embeddings.register_forward_hook(cut)
    return leaves


def influence(method_name: str, *, kernel: str, global_place: int | None) -> Tensor:
    """(T, T) bool: whether output i depends on the embedding of token j at all."""
    encoder = tiny.ours(tiny.hugging_face("longformer", windows=(2 * HALF,)))
    options = Options(prefix_length=P, tuning_length=P, kernel=kernel, alpha=0.5, init_std=1)
    method = create(method_name, encoder.config, options).eval()
    leaves = cut_at_the_embeddings(encoder)
    texts = tiny.batch([LENGTH], [0])
    if global_place is not None:
        texts.global_mask[0, global_place] = True
    hidden = encode(encoder, texts, method)
    weights = torch.arange(hidden.shape[1]).float()  # the sum alone is fixed by LayerNorm
    per_output = [
        torch.autograd.grad(output @ weights, leaves[0], retain_graph=True)[0].any(dim=1)
        for output in hidden
    ]
    return torch.stack(per_output)


@pytest.mark.parametrize("global_place", [None, 0, 17])
@pytest.mark.parametrize(
    ("method_name", "kernel"),
    [(name, "none") for name in METHODS] + [(name, "exp") for name in METHODS[1:]],
)
def test_a_token_sees_its_window_the_global_ones_and_the_placeholders(
    method_name: str, kernel: str, global_place: int | None
):
    n = P if method_name in ("prefix-propagation", "combined") else 0
    place = torch.arange(n + LENGTH)
    is_global = place < n
    if global_place is not None:
        is_global[n + global_place] = True
    near = (place[:, None] - place).abs() <= HALF
    expected = near | is_global | is_global[:, None]
    actual = influence(method_name, kernel=kernel, global_place=global_place)
    wrong = (actual != expected).nonzero().tolist()
    assert not wrong, f"(output, token) pairs that should be otherwise: {wrong[:8]}"
