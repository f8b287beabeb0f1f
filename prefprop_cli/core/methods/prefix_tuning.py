"""Prefix-tuning: extra keys and values in every layer, read by every query.

K = cat(P_K, C W_k), V = cat(P_V, C W_v); no new positions, no new queries.

Source: Li and Liang 2021 (arXiv 2101.00190); for encoders Liu et al. 2022, P-tuning v2 (arXiv
2110.07602); the paper, eq. 2. Trainable parameters: 2 · L · P · W.

Axes: L layers, P prefix length, W hidden size, H heads, D head width.
"""

from torch import nn

from prefprop_cli.core.attention import VisibleKeys
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.prefix import LayerPrefix, Prefix
from prefprop_cli.core.methods.base import Method, Options, normal_parameters, per_row


class PrefixTuning(Method):
    """P trainable keys and values (P, H, D) per layer.

    Dropout is on the keys and values, with a fresh mask per row and layer.
    """

    def __init__(self, config: EncoderConfig, options: Options) -> None:
        super().__init__()
        shape = (options.prefix_length, config.n_heads, config.head_width)
        self.key = normal_parameters(config.n_layers, *shape, std=options.init_std)
        self.value = normal_parameters(config.n_layers, *shape, std=options.init_std)
        self.dropout = nn.Dropout(options.dropout)

    def forward(self, n_rows: int) -> Prefix:
        keys = per_row(self.key, n_rows=n_rows, dropout=self.dropout)
        values = per_row(self.value, n_rows=n_rows, dropout=self.dropout)
        visible = (VisibleKeys(key, value) for key, value in zip(keys, values, strict=True))
        return Prefix(tuple(LayerPrefix(visible=keys_and_values) for keys_and_values in visible))
