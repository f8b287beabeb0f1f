"""Prefix-propagation: P positions in front of the text whose hidden states a prefix is added to.

Layer 1 reads cat(P¹, C), layer l reads cat(Pˡ + C[:P], C[P:]): the prefix is a part of the
hidden states, so it changes queries, keys and values, and what it gathers travels upwards. The
placeholder positions are global.

Source: the paper, eq. 1. Trainable parameters: L · P · W, half of prefix-tuning's.

Axes: L layers, P prefix length, W hidden size.
"""

from torch import nn

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.prefix import LayerPrefix, Prefix
from prefprop_cli.core.methods.base import Method, Options, normal_parameters, per_row


class PrefixPropagation(Method):
    """A trainable (P, W) matrix per layer, added to the placeholders' hidden states.

    Dropout is on the matrices, with a fresh mask per row and layer.
    """

    def __init__(self, config: EncoderConfig, options: Options) -> None:
        super().__init__()
        self.n_placeholders = options.prefix_length
        self.placeholder = options.placeholder
        shape = (options.prefix_length, config.hidden_size)
        self.prefix = normal_parameters(config.n_layers, *shape, std=options.init_std)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, n_rows: int) -> Prefix:
        added = per_row(self.prefix, n_rows=n_rows, dropout=self.dropout)
        return Prefix(
            tuple(LayerPrefix(added=tensor) for tensor in added),
            n_placeholders=self.n_placeholders,
            placeholder=self.placeholder,
        )
