"""Kernel decomposition: the prefix leaves the joint softmax and is added with a weight of its own.

H = Kern(Q, C W_k, C W_v) + alpha · Kern(Q, P W_k, P W_v)

It wraps a prefix method, as a scale wraps a kernel: the prefix stays what it was, only the way it
contributes changes. The first term holds no prefix key, the second only those.

Source: the paper, eq. 3 and 7-9. Trained numbers: the prefix's, those of the kernel, and one
alpha per layer (or per layer and head) if it trains.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from prefprop_cli.core.attention.kernels import Kernel
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.prefix import Decomposed, Prefix
from prefprop_cli.core.methods.base import Method


class KernelDecomposition(Method):
    """A prefix method whose prefix contributes through a kernel.

    Args:
        prefix: the method it wraps.
        config: shape of the encoder.
        kernel: makes the kernel of one layer from the head width.
        alpha: weight of the prefix term, or its initial value.
        alpha_trainable: whether it trains.
        alpha_per_head: one weight for each head in place of one for the layer.
    """

    def __init__(
        self,
        prefix: Method,
        config: EncoderConfig,
        *,
        kernel: Callable[[int], Kernel],
        alpha: float,
        alpha_trainable: bool,
        alpha_per_head: bool,
    ) -> None:
        super().__init__()
        self.prefix = prefix
        self.n_placeholders = prefix.n_placeholders
        self.kernels = nn.ModuleList(kernel(config.head_width) for _ in range(config.n_layers))
        shape = (config.n_heads, 1) if alpha_per_head else ()
        self.alpha = nn.ParameterList(
            nn.Parameter(torch.full(shape, alpha), requires_grad=alpha_trainable)
            for _ in range(config.n_layers)
        )

    def forward(self, n_rows: int) -> Prefix:
        given: Prefix = self.prefix(n_rows)
        layers = tuple(
            replace(layer, decomposed=Decomposed(kernel, alpha))
            for layer, kernel, alpha in zip(given.layers, self.kernels, self.alpha, strict=True)
        )
        return replace(given, layers=layers)
