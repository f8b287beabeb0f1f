"""BERT or RoBERTa to Longformer: more positions, a window, global projections.

Source: Beltagy, Peters, Cohan 2020, "Longformer: The Long-Document Transformer", section 5
(arXiv 2004.05150).
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.errors import DataError


def long_config(config: EncoderConfig, *, n_positions: int, window: int) -> EncoderConfig:
    """Return the shape of the Longformer that `to_long` makes.

    Raises:
        DataError: the encoder is a Longformer already, or has more positions than asked for.
    """
    if config.windows is not None:
        raise DataError("to_long: the backbone is a Longformer already; leave `to_long` out")
    if n_positions < config.max_length:
        raise DataError(
            f"to_long = {n_positions} is less than the {config.max_length} positions it has"
        )
    return replace(
        config,
        model_type="longformer",
        n_positions=n_positions + config.pad_id + 1,
        windows=(window,) * config.n_layers,
    )


def to_long(
    config: EncoderConfig, weights: Mapping[str, Tensor], *, n_positions: int, window: int
) -> tuple[EncoderConfig, dict[str, Tensor]]:
    """Turn a full-attention encoder, with its tensors under our names, into a Longformer.

    The learned positions are repeated until there are enough, and the global projections begin
    as copies of the local ones, so nothing is trained and texts that fit the window come out as
    they did. `n_positions` are the tokens and placeholders an input may then have; the window of
    each layer is even, both sides together.

    Raises:
        DataError: as `long_config`.
    """
    longer = long_config(config, n_positions=n_positions, window=window)
    long_weights = dict(weights)
    table = weights["embeddings.position.weight"]
    learned = table[config.first_position :]
    # Rows 0 to pad_id belong to padding, the learned positions follow, again and again.
    before = table.new_zeros(config.pad_id + 1, table.shape[1])
    repeated = learned.repeat(-(-n_positions // len(learned)), 1)[:n_positions]
    long_weights["embeddings.position.weight"] = torch.cat([before, repeated])
    for number in range(config.n_layers):
        for kind in ("weight", "bias"):
            local = weights[f"layers.{number}.attention.qkv.{kind}"].chunk(3)
            for name, tensor in zip(("query", "key", "value"), local, strict=True):
                long_weights[f"layers.{number}.attention.{name}_global.{kind}"] = tensor.clone()
    return longer, long_weights
