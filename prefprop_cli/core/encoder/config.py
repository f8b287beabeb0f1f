"""The shape of an encoder, and its Hugging Face configuration both ways."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from prefprop_cli.errors import DataError

_ARCHITECTURES = {"longformer": "LongformerModel", "roberta": "RobertaModel", "bert": "BertModel"}
MODEL_TYPES = tuple(_ARCHITECTURES)
ACTIVATIONS = ("gelu", "gelu_new", "relu", "silu")
_ALIASES = {
    "gelu_python": "gelu",
    "gelu_pytorch_tanh": "gelu_new",
    "gelu_python_tanh": "gelu_new",
    "gelu_accurate": "gelu_new",
    "gelu_fast": "gelu_new",
    "swish": "silu",
}
"""Other names that `transformers.activations` has for the same function."""
_SIZES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "n_positions": "max_position_embeddings",
    "n_token_types": "type_vocab_size",
}
"""Our names of sizes, and those of a `config.json`."""
_EARLIER_NAMES = {"hidden_size": "width", "intermediate_size": "ffn_width"}
"""What the hash of a configuration that runs have recorded calls its fields."""
_OTHER_MODELS = ("is_decoder", "add_cross_attention", "quantization_config")
_MOST = {"num_hidden_layers": 1000}
_MOST_OF_ANY = 2**31


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes and constants of an encoder of type longformer, roberta or bert."""

    model_type: str
    vocab_size: int
    hidden_size: int
    """W."""
    n_layers: int
    n_heads: int
    intermediate_size: int
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
        _known_activation(self.activation)
        if self.hidden_size % self.n_heads:
            raise DataError(
                f"hidden_size {self.hidden_size} does not divide into {self.n_heads} heads"
            )
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
        """D."""
        return self.hidden_size // self.n_heads

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
        values = {_EARLIER_NAMES.get(name, name): value for name, value in asdict(self).items()}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def from_hugging_face(values: Mapping[str, object]) -> EncoderConfig:
    """Read the content of a `config.json`.

    Raises:
        DataError: the model type or a variant of it is not one of ours, or a key is missing.
    """
    if not (named := values.get("model_type")):
        raise DataError(
            "the backbone's config.json names no model_type. If it is one of these, write it "
            f"there: {', '.join(MODEL_TYPES)}"
        )
    model_type = _known_type(str(named))  # first: others have other keys
    _check_variant(values)
    n_layers = _int(values, "num_hidden_layers")
    config = EncoderConfig(
        model_type=model_type,
        **{ours: _int(values, theirs) for ours, theirs in _SIZES.items()},
        pad_id=_int(values, "pad_token_id", 0 if model_type == "bert" else 1, least=0),
        layer_norm_eps=_eps(values.get("layer_norm_eps", 1e-12)),
        activation=_known_activation(values.get("hidden_act", "gelu")),
        windows=_windows(values, n_layers) if model_type == "longformer" else None,
    )
    if config.pad_id >= min(config.vocab_size, config.n_positions) or config.max_length < 1:
        raise DataError(
            f"pad_token_id = {config.pad_id} in the backbone's config.json, with "
            f"vocab_size = {config.vocab_size} and max_position_embeddings = {config.n_positions}"
        )
    return config


def to_hugging_face(config: EncoderConfig) -> dict[str, object]:
    """Return the content of a `config.json` that `transformers` reads as the same model."""
    values: dict[str, object] = {
        "architectures": [_ARCHITECTURES[config.model_type]],
        "model_type": config.model_type,
        **{theirs: getattr(config, ours) for ours, theirs in _SIZES.items()},
        "pad_token_id": config.pad_id,
        "layer_norm_eps": config.layer_norm_eps,
        "hidden_act": config.activation,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
    if config.windows is not None:
        values["attention_window"] = list(config.windows)
    return values


def _known_type(model_type: str) -> str:
    if model_type not in MODEL_TYPES:
        raise DataError(
            f'a backbone of type "{model_type}" cannot be used; these can: {", ".join(MODEL_TYPES)}'
        )
    return model_type


def _known_activation(name: object) -> str:
    known = _ALIASES.get(name, name) if isinstance(name, str) else None
    if known not in ACTIVATIONS:
        raise DataError(
            f"hidden_act = {json.dumps(name)} of the backbone is not supported; "
            f"these are: {', '.join((*ACTIVATIONS, *_ALIASES))}"
        )
    return known


def _check_variant(values: Mapping[str, object]) -> None:
    variant = values.get("position_embedding_type", "absolute")
    if variant != "absolute":
        raise DataError(f'position_embedding_type = "{variant}" is not supported; "absolute" is')
    if others := [key for key in _OTHER_MODELS if values.get(key)]:
        raise DataError(
            f"{others[0]} = {json.dumps(values[others[0]])} in the backbone's config.json: an "
            "encoder is needed, whose tokens see each other in both directions, in plain numbers"
        )


def _windows(values: Mapping[str, object], n_layers: int) -> tuple[int, ...]:
    given = values.get("attention_window", 512)
    windows = given if isinstance(given, list) else [given] * n_layers
    for value in windows:
        # Some files have whole numbers as 512.0.
        is_whole = isinstance(value, float) and value.is_integer()
        if isinstance(value, bool) or not (isinstance(value, int) or is_whole):
            shown = f"attention_window = {json.dumps(value)} in the backbone's config.json"
            raise DataError(f"{shown} is no whole number")
    return tuple(map(int, windows))


def _eps(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf:
        return float(value)
    raise DataError(
        f"layer_norm_eps = {json.dumps(value)} in the backbone's config.json is no small number, "
        "such as 1e-05"
    )


def _int(
    values: Mapping[str, object], key: str, default: int | None = None, *, least: int = 1
) -> int:
    value = values.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(f"the backbone's config.json has no whole number under `{key}`")
    if not least <= value <= _MOST.get(key, _MOST_OF_ANY):
        raise DataError(f"{key} = {value} in the backbone's config.json cannot be")
    return value
