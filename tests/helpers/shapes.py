"""Shapes of published encoders; no weights are made."""

from prefprop_cli.model.config import EncoderConfig

LONGFORMER_BASE = EncoderConfig(
    model_type="longformer",
    vocab_size=50265,
    width=768,
    n_layers=12,
    n_heads=12,
    ffn_width=3072,
    n_positions=4098,
    n_token_types=1,
    pad_id=1,
    layer_norm_eps=1e-5,
    activation="gelu",
    windows=(512,) * 12,
)
