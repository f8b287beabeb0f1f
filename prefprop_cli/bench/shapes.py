"""Encoders that are measured by their shape alone: the time of a pass does not need real weights.

Source of the sizes: `config.json` of allenai/longformer-base-4096 and of
sentence-transformers/all-MiniLM-L6-v2, the latter as a Longformer of as many positions.
"""

from prefprop_cli.core.encoder.config import EncoderConfig

LONGFORMER_BASE = EncoderConfig(
    model_type="longformer",
    vocab_size=50265,
    hidden_size=768,
    n_layers=12,
    n_heads=12,
    intermediate_size=3072,
    n_positions=4098,
    n_token_types=1,
    pad_id=1,
    layer_norm_eps=1e-5,
    activation="gelu",
    windows=(512,) * 12,
)

MINILM = EncoderConfig(
    model_type="longformer",
    vocab_size=30522,
    hidden_size=384,
    n_layers=6,
    n_heads=12,
    intermediate_size=1536,
    n_positions=4098,
    n_token_types=2,
    pad_id=1,
    layer_norm_eps=1e-12,
    activation="gelu",
    windows=(512,) * 6,
)

SHAPES: dict[str, EncoderConfig] = {"longformer-base": LONGFORMER_BASE, "minilm": MINILM}
