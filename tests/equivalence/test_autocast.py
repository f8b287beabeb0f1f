"""bf16 autocast, as mixed-precision training uses it: each method, near float32, no NaN."""

import pytest
import torch
from torch import Tensor

from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.methods import METHODS, Method, Options, create
from tests.helpers import tiny
from tests.helpers.compare import random
from tests.helpers.encode import encode, gradients

CASES = [(name, "none") for name in METHODS] + [
    (name, kernel)
    for name in ("prefix-propagation", "prefix-tuning", "combined")
    for kernel in ("exp", "rbf", "poly", "linear")
]


def step(
    encoder: Encoder, method: Method, *, is_bf16: bool, read_one: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    method.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_bf16):
        output = encode(
            encoder,
            tiny.batch([90, 9], [20, 0]),  # too many globals to absorb, and none
            method,
            read=(lambda layout: layout.one_per_row(0)) if read_one else None,
        )
    (output.float() * random(*output.shape)).sum().backward()
    return output.detach(), {name: grad.clone() for name, grad in gradients(method).items()}


@pytest.mark.parametrize("read_one", [False, True])
@pytest.mark.parametrize(("name", "kernel"), CASES)
def test_near_float32(name: str, kernel: str, read_one: bool):
    encoder = tiny.ours(tiny.hugging_face("longformer", width=64, n_heads=8))
    options = Options(
        prefix_length=3, tuning_length=2, kernel=kernel, alpha_trainable=True, alpha_per_head=True
    )
    method = create(name, encoder.config, options).eval()
    exact, exact_gradients = step(encoder, method, is_bf16=False, read_one=read_one)
    coarse, coarse_gradients = step(encoder, method, is_bf16=True, read_one=read_one)
    error = (coarse - exact).norm() / exact.norm()
    assert error < 0.1, f"hidden states: {error:.3f}"
    for key, gradient in coarse_gradients.items():
        error = (gradient - exact_gradients[key]).norm() / exact_gradients[key].norm()
        assert error < 0.5, f"{key}: {error:.3f}"
