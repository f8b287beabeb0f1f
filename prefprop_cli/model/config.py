"""The shape of an encoder, and its Hugging Face configuration both ways."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from prefprop_cli.errors import DataError

MODEL_TYPES = ("longformer", "roberta", "bert")


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes and constants of an encoder of type longformer, roberta or bert."""

    model_type: str
    vocab_size: int
    width: int
    """W, numbers per token."""
    n_layers: int
    n_heads: int
    ffn_width: int
    n_positions: int
    """Rows of the position table, those before the first real position included."""
    n_token_types: int
    pad_id: int
    layer_norm_eps: float
    activation: str
    windows: tuple[int, ...] | None
    """Attention window of each layer, both sides together; None: every token sees every token."""

    def __post_init__(self) -> None:
        _known_type(self.model_type)
        if self.width % self.n_heads:
            raise DataError(f"width {self.width} does not divide into {self.n_heads} heads")
        if self.windows is None:
            return
        if len(self.windows) != self.n_layers:
            raise DataError(f"{len(self.windows)} attention windows for {self.n_layers} layers")
        if odd := [window for window in self.windows if window % 2 or window < 2]:
            raise DataError(
                f"attention window {odd[0]} is not an even number of at least 2; "
                "Longformer splits it in two equal sides"
            )

    @property
    def head_width(self) -> int:
        """D, numbers per head."""
        return self.width // self.n_heads

    @property
    def first_position(self) -> int:
        """Row of the position table that the first token of a text reads."""
        return 0 if self.model_type == "bert" else self.pad_id + 1

    @property
    def max_length(self) -> int:
        """Tokens and placeholders an input may have."""
        return self.n_positions - self.first_position

    @property
    def fingerprint(self) -> str:
        """The sha256 over all of it, however the `config.json` it was read from is laid out."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def from_hugging_face(values: Mapping[str, object]) -> EncoderConfig:
    """Read the content of a `config.json`.

    Raises:
        DataError: the model type or a variant of it is not one of ours, or a key is missing.
    """
    model_type = _known_type(str(values.get("model_type")))  # first: others have other keys
    variant = values.get("position_embedding_type", "absolute")
    if variant != "absolute":
        raise DataError(f'position_embedding_type = "{variant}" is not supported; "absolute" is')
    n_layers = _int(values, "num_hidden_layers")
    return EncoderConfig(
        model_type=model_type,
        vocab_size=_int(values, "vocab_size"),
        width=_int(values, "hidden_size"),
        n_layers=n_layers,
        n_heads=_int(values, "num_attention_heads"),
        ffn_width=_int(values, "intermediate_size"),
        n_positions=_int(values, "max_position_embeddings"),
        n_token_types=_int(values, "type_vocab_size"),
        pad_id=_int(values, "pad_token_id", 0 if model_type == "bert" else 1),
        layer_norm_eps=float(str(values.get("layer_norm_eps", 1e-12))),
        activation=str(values.get("hidden_act", "gelu")),
        windows=_windows(values, n_layers) if model_type == "longformer" else None,
    )


def to_hugging_face(config: EncoderConfig) -> dict[str, object]:
    """The content of a `config.json` that `transformers` reads as the same model."""
    values: dict[str, object] = {
        "architectures": [_ARCHITECTURES[config.model_type]],
        "model_type": config.model_type,
        "vocab_size": config.vocab_size,
        "hidden_size": config.width,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "intermediate_size": config.ffn_width,
        "max_position_embeddings": config.n_positions,
        "type_vocab_size": config.n_token_types,
        "pad_token_id": config.pad_id,
        "layer_norm_eps": config.layer_norm_eps,
        "hidden_act": config.activation,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
    if config.windows is not None:
        values["attention_window"] = list(config.windows)
    return values


_ARCHITECTURES = {"longformer": "LongformerModel", "roberta": "RobertaModel", "bert": "BertModel"}


def _known_type(model_type: str) -> str:
    if model_type not in MODEL_TYPES:
        raise DataError(
            f'a backbone of type "{model_type}" cannot be used; these can: {", ".join(MODEL_TYPES)}'
        )
    return model_type


def _windows(values: Mapping[str, object], n_layers: int) -> tuple[int, ...]:
    window = values.get("attention_window", 512)
    return tuple(window) if isinstance(window, list) else (int(str(window)),) * n_layers


def _int(values: Mapping[str, object], key: str, default: int | None = None) -> int:
    value = values.get(key, default)
    if not isinstance(value, int):
        raise DataError(f"the backbone's config.json has no whole number under `{key}`")
    return value
