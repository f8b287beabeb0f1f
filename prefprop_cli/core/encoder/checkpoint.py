"""Hugging Face checkpoints, both ways: one table of names.

Source of the names: the `state_dict` of LongformerModel, RobertaModel and BertModel in
`transformers`.
"""

import json
import re
from collections.abc import Iterator, Mapping

import torch
from safetensors.torch import save
from torch import Tensor

from prefprop_cli.core.encoder.config import EncoderConfig, to_hugging_face
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.modes import shapes_only
from prefprop_cli.errors import CorruptFileError
from prefprop_cli.words import listed

# What PyTorch puts around a module, anywhere in a name, and what models put around an encoder.
_WRAPPERS = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_IN_A_MODEL = re.compile(
    r"(?:(?:module|model|encoder|longformer|roberta|bert)\.)*?((?:embeddings|encoder\.layer)\..*)"
)

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


def build_encoder(config: EncoderConfig, weights: dict[str, Tensor], **options: object) -> Encoder:
    """Make an encoder in evaluation mode with these weights, under our names.

    Raises:
        CorruptFileError: a weight has another shape than the configuration says.
    """
    with shapes_only():
        encoder = Encoder(config, **options)  # type: ignore[arg-type]
    expected = encoder.state_dict()
    _check_shapes(weights, expected)
    encoder.load_state_dict({name: weights[name].float() for name in expected}, assign=True)
    return encoder.eval()


def check_shapes(config: EncoderConfig, weights: Mapping[str, Tensor]) -> None:
    """Check that weights under our names fit an encoder; they need no content.

    Raises:
        CorruptFileError: as `build_encoder`.
    """
    with shapes_only():
        _check_shapes(weights, Encoder(config).state_dict())


def _check_shapes(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    wrong = [name for name, tensor in expected.items() if weights[name].shape != tensor.shape]
    if wrong:
        raise CorruptFileError(
            f"{wrong[0]} has shape {tuple(weights[wrong[0]].shape)}, "
            f"config.json says {tuple(expected[wrong[0]].shape)}"
        )


def to_own_names(weights: Mapping[str, Tensor], config: EncoderConfig) -> dict[str, Tensor]:
    """Return Hugging Face tensors under our names; those we have no use for are left out.

    Raises:
        CorruptFileError: a tensor is missing, there twice or of whole numbers, or tensors that are
            stacked into one of ours differ in shape.
    """
    wanted = dict(tensor_names(config))
    found = _found(weights, {name for theirs in wanted.values() for name in theirs})
    lacking = [ours for ours, theirs in wanted.items() if not set(theirs) <= found.keys()]
    if lacking:
        others = sorted(weights.keys() - found.values()) or sorted(weights)
        raise CorruptFileError(
            f"the backbone's weights lack {listed(sorted(lacking))}; "
            f"found besides: {listed(others)} ({len(weights)} tensors in all)"
        )
    return {
        ours: _stacked({found[name]: weights[found[name]] for name in theirs})
        for ours, theirs in wanted.items()
    }


def _found(weights: Mapping[str, Tensor], wanted: set[str]) -> dict[str, str]:
    """The name in the file of each wanted tensor that it has."""
    found: dict[str, str] = {}
    for given in weights:
        name = _plain_name(given)
        if name not in wanted:
            continue
        if name in found:
            raise CorruptFileError(
                f"the backbone's weights hold both {found[name]} and {given}, and one is needed"
            )
        found[name] = given
    return found


def _stacked(parts: Mapping[str, Tensor]) -> Tensor:
    if whole := [name for name, part in parts.items() if not part.is_floating_point()]:
        raise CorruptFileError(
            f"{whole[0]} is not of floating-point numbers; quantised weights cannot be used"
        )
    if len({part.shape for part in parts.values()}) > 1:
        raise CorruptFileError(f"{', '.join(parts)} differ in shape, and must not")
    first, *others = parts.values()
    if not others:
        return first
    if first.is_meta:  # a shape without content, of which torch.cat imports a compiler
        length, *rest = first.shape or (1,)
        return first.new_empty(len(parts) * length, *rest)
    return torch.cat([first, *others])


def _plain_name(name: str) -> str:
    """The name in the bare model: without what wraps it, and of today where it is an old one."""
    unwrapped = _WRAPPERS.sub("", name)
    inside = _IN_A_MODEL.fullmatch(unwrapped)
    plain = inside[1] if inside else unwrapped
    # Checkpoints converted from TensorFlow call the weight gamma and the bias beta.
    plain = plain.replace("LayerNorm.gamma", "LayerNorm.weight")
    return plain.replace("LayerNorm.beta", "LayerNorm.bias")


def to_hugging_face_names(
    weights: Mapping[str, Tensor], config: EncoderConfig
) -> dict[str, Tensor]:
    """Return our tensors under the names of `transformers`."""
    named = {}
    for ours, theirs in tensor_names(config):
        parts = weights[ours].chunk(len(theirs))
        named.update({name: part.contiguous() for name, part in zip(theirs, parts, strict=True)})
    return named


def encoder_files(encoder: Encoder) -> dict[str, bytes]:
    """Make the files of a folder that `transformers` and `load_backbone` read as this encoder."""
    weights = {name: tensor.detach().cpu() for name, tensor in encoder.state_dict().items()}
    named = to_hugging_face_names(weights, encoder.config)
    return {
        "config.json": (json.dumps(to_hugging_face(encoder.config), indent=2) + "\n").encode(),
        "model.safetensors": save(named, metadata={"format": "pt"}),
    }


def tensor_names(config: EncoderConfig) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each of our tensors, and the Hugging Face tensors it is made of."""
    for ours, theirs in _EMBEDDING_NAMES.items():
        kinds = ("weight", "bias") if ours.endswith("norm") else ("weight",)
        for kind in kinds:
            yield f"{ours}.{kind}", tuple(f"{name}.{kind}" for name in theirs)
    for number in range(config.n_layers):
        for ours, theirs in _LAYER_NAMES.items():
            if ours.endswith("_global") and config.windows is None:
                continue
            for kind in ("weight", "bias"):
                names = tuple(f"encoder.layer.{number}.{name}.{kind}" for name in theirs)
                yield f"layers.{number}.{ours}.{kind}", names
