"""Prefix-propagation whose prefix passes a gate: g = sigmoid(w), one trainable w for each layer.

Layer l adds g_l · P_l to the hidden states of the P placeholders. A gate that closes says that the
layer has no use for its prefix, which `prefprop show` does not tell, but the adapter does.
"""

import torch
from torch import nn

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.prefix import LayerPrefix, Prefix
from prefprop_cli.core.methods.base import Method, Options, normal_parameters


class GatedPropagation(Method):
    """A trainable (P, W) matrix and a gate per layer.

    Args:
        config: shape of the encoder.
        options: `prefix_length` P, `init_std`; `[method.extra] open`, the gate at the start, in
            (0, 1), 0.5 if it is not given.
    """

    def __init__(self, config: EncoderConfig, options: Options) -> None:
        super().__init__()
        self.n_placeholders = options.prefix_length
        shape = (options.prefix_length, config.hidden_size)
        self.prefix = normal_parameters(config.n_layers, *shape, std=options.init_std)
        start = torch.logit(torch.tensor(float(options.extra.get("open", 0.5))))
        self.gate = nn.Parameter(start.repeat(config.n_layers))

    def forward(self, n_rows: int) -> Prefix:
        gated = zip(self.gate.sigmoid(), self.prefix, strict=True)
        added = (gate * prefix for gate, prefix in gated)
        return Prefix(
            tuple(LayerPrefix(added=each.expand(n_rows, -1, -1)) for each in added),
            n_placeholders=self.n_placeholders,
        )
