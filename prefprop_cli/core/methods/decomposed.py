"""Kernel decomposition: the prefix leaves the joint softmax and is added with a weight of its own.

H = Kern(Q, C W_k, C W_v) + alpha · Kern(Q, P W_k, P W_v)

It wraps a prefix method, as a scale wraps a kernel: the prefix stays what it was, only the way it
contributes changes. The first term holds no prefix key, the second only those.

Source: the paper, eq. 3 and 7-9. Trainable parameters: the prefix's, those of the kernel, and one
alpha per layer (or per layer and head) if it trains.
"""

from dataclasses import replace

import torch
from torch import nn

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.prefix import Decomposed, Prefix
from prefprop_cli.core.methods.base import Method, Options
from prefprop_cli.tables import KERNELS


class KernelDecomposition(Method):
    """A prefix method whose prefix contributes through a kernel."""

    def __init__(self, prefix: Method, config: EncoderConfig, options: Options) -> None:
        super().__init__()
        self.prefix = prefix
        self.n_placeholders = prefix.n_placeholders
        settings: dict[str, dict[str, float | int | None]] = {
            "rbf": {"lengthscale": options.lengthscale},
            "poly": {"degree": options.degree},
        }
        of_kernel, layers = settings.get(options.kernel, {}), range(config.n_layers)
        self.kernels = nn.ModuleList(
            KERNELS[options.kernel](config.head_width, **of_kernel) for _ in layers
        )
        shape = (config.n_heads, 1) if options.alpha_per_head else ()
        alphas = (torch.full(shape, options.alpha) for _ in layers)
        self.alpha = nn.ParameterList(
            nn.Parameter(alpha, requires_grad=options.alpha_trainable) for alpha in alphas
        )

    def forward(self, n_rows: int) -> Prefix:
        given: Prefix = self.prefix(n_rows)
        layers = tuple(
            replace(layer, decomposed=Decomposed(kernel, alpha))
            for layer, kernel, alpha in zip(given.layers, self.kernels, self.alpha, strict=True)
        )
        return replace(given, layers=layers)
