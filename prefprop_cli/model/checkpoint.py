"""Hugging Face checkpoints, both ways: one table of names.

Source of the names: the `state_dict` of LongformerModel, RobertaModel and BertModel in
`transformers`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from prefprop_cli.errors import CorruptFileError
from prefprop_cli.model.config import EncoderConfig, from_hugging_face, to_hugging_face
from prefprop_cli.model.encoder import Encoder
from prefprop_cli.model.files import read_json
from prefprop_cli.model.weights import read_weights

# Ours on the left; where Hugging Face keeps several tensors for one of ours they are stacked.
_EMBEDDING_NAMES: dict[str, tuple[str, ...]] = {
    "embeddings.word": ("embeddings.word_embeddings",),
    "embeddings.position": ("embeddings.position_embeddings",),
    "embeddings.token_type": ("embeddings.token_type_embeddings",),
    "embeddings.norm": ("embeddings.LayerNorm",),
}
_LAYER_NAMES: dict[str, tuple[str, ...]] = {
    "attention.qkv": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention.query_global": ("attention.self.query_global",),
    "attention.key_global": ("attention.self.key_global",),
    "attention.value_global": ("attention.self.value_global",),
    "attention_output": ("attention.output.dense",),
    "attention_norm": ("attention.output.LayerNorm",),
    "up": ("intermediate.dense",),
    "down": ("output.dense",),
    "output_norm": ("output.LayerNorm",),
}


def load_encoder(folder: Path, **options: object) -> Encoder:
    """Read an encoder from a Hugging Face folder.

    Args:
        folder: has `config.json` and weights, as `read_weights` wants them.
        options: keyword arguments of `Encoder`.

    Raises:
        DataError: the folder, its configuration or its weights are missing or not of our types.
        CorruptFileError: the weights are damaged, or do not fit the configuration.
    """
    config = from_hugging_face(read_json(folder / "config.json"))
    return build_encoder(config, to_own_names(read_weights(folder), config), **options)


def build_encoder(config: EncoderConfig, weights: dict[str, Tensor], **options: object) -> Encoder:
    """An encoder in evaluation mode with these weights, under our names.

    Raises:
        CorruptFileError: a weight is missing or has another shape than the configuration says.
    """
    with torch.device("meta"):
        encoder = Encoder(config, **options)  # type: ignore[arg-type]
    expected = encoder.state_dict()
    if missing := sorted(expected.keys() - weights.keys()):
        raise CorruptFileError(f"the backbone's weights lack {_some(missing)}")
    wrong = [name for name, tensor in expected.items() if weights[name].shape != tensor.shape]
    if wrong:
        raise CorruptFileError(
            f"{wrong[0]} has shape {tuple(weights[wrong[0]].shape)}, "
            f"config.json says {tuple(expected[wrong[0]].shape)}"
        )
    encoder.load_state_dict({name: weights[name].float() for name in expected}, assign=True)
    return encoder.eval()


def to_own_names(weights: Mapping[str, Tensor], config: EncoderConfig) -> dict[str, Tensor]:
    """Hugging Face tensors under our names; tensors we have no use for are left out.

    Raises:
        CorruptFileError: tensors that are stacked into one of ours differ in shape.
    """
    plain = {re.sub(r"^(longformer|roberta|bert)\.", "", name): t for name, t in weights.items()}
    plain = {_current_norm_name(name): tensor for name, tensor in plain.items()}
    own = {}
    for ours, theirs in tensor_names(config):
        if not all(name in plain for name in theirs):
            continue
        parts = [plain[name] for name in theirs]
        if len({part.shape for part in parts}) > 1:
            raise CorruptFileError(f"{', '.join(theirs)} differ in shape, and must not")
        own[ours] = torch.cat(parts) if len(parts) > 1 else parts[0]
    return own


def to_hugging_face_names(
    weights: Mapping[str, Tensor], config: EncoderConfig
) -> dict[str, Tensor]:
    """Our tensors under the names of `transformers`."""
    named = {}
    for ours, theirs in tensor_names(config):
        parts = weights[ours].chunk(len(theirs))
        named.update({name: part.contiguous() for name, part in zip(theirs, parts, strict=True)})
    return named


def encoder_files(encoder: Encoder) -> dict[str, bytes]:
    """The files of a folder that `transformers` and `load_encoder` read as this encoder."""
    weights = {name: tensor.detach().cpu() for name, tensor in encoder.state_dict().items()}
    named = to_hugging_face_names(weights, encoder.config)
    return {
        "config.json": (json.dumps(to_hugging_face(encoder.config), indent=2) + "\n").encode(),
        "model.safetensors": save(named, metadata={"format": "pt"}),
    }


def tensor_names(config: EncoderConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each of our tensors, and the Hugging Face tensors it is made of."""
    for ours, theirs in _EMBEDDING_NAMES.items():
        kinds = ("weight", "bias") if ours.endswith("norm") else ("weight",)
        for kind in kinds:
            yield f"{ours}.{kind}", tuple(f"{name}.{kind}" for name in theirs)
    for number in range(config.n_layers):
        for ours, theirs in _LAYER_NAMES.items():
            if ours.endswith("_global") and config.windows is None:
                continue
            for kind in ("weight", "bias"):
                yield (
                    f"layers.{number}.{ours}.{kind}",
                    tuple(f"encoder.layer.{number}.{name}.{kind}" for name in theirs),
                )


def _current_norm_name(name: str) -> str:
    """Checkpoints converted from TensorFlow call the weight gamma and the bias beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
