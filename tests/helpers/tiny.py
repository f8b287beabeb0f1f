"""Tiny random models and batches whose attention is far from uniform.

Every weight is random, biases and the rows of the padding token too: what ought not to be read
would show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import (
    BertConfig,
    BertModel,
    LongformerConfig,
    LongformerModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
)
from transformers.utils import logging

from prefprop_cli.core.encoder.checkpoint import build_encoder, to_own_names
from prefprop_cli.core.encoder.config import from_hugging_face
from prefprop_cli.core.encoder.encoder import Encoder

logging.set_verbosity_error()
logging.disable_progress_bar()

VOCAB = 40
_TYPES = {
    "longformer": (LongformerConfig, LongformerModel),
    "roberta": (RobertaConfig, RobertaModel),
    "bert": (BertConfig, BertModel),
}


def hugging_face(
    model_type: str,
    *,
    windows: Sequence[int] = (8, 16),
    n_heads: int = 2,
    width: int = 32,
    n_positions: int = 400,
    activation: str = "gelu",
    seed: int = 0,
) -> PreTrainedModel:
    """A `transformers` model in evaluation mode, one layer for each window.

    RoBERTa and BERT have as many layers, and no windows.
    """
    make_config, make_model = _TYPES[model_type]
    settings: dict[str, object] = {"attention_window": list(windows)}
    config = make_config(
        vocab_size=VOCAB,
        hidden_size=width,
        num_hidden_layers=len(windows),
        num_attention_heads=n_heads,
        intermediate_size=2 * width,
        max_position_embeddings=n_positions,
        hidden_act=activation,
        type_vocab_size=2,
        **settings if model_type == "longformer" else {},
    )
    model = make_model(config, add_pooling_layer=False)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(std=0.25, generator=generator)
            if name.endswith("LayerNorm.weight"):
                parameter.add_(1)
    return model.eval()


def ours(model: PreTrainedModel, **options: object) -> Encoder:
    """The same model as our encoder, with copies of its weights."""
    config = from_hugging_face(model.config.to_dict())
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    return build_encoder(config, to_own_names(weights, config), **options)


def save(model: PreTrainedModel, folder: Path) -> Path:
    """Write the folder that a user would download."""
    model.save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Batch:
    """A padded batch: the arguments of `Encoder.forward`, in their order."""

    input_ids: Tensor
    attention_mask: Tensor
    global_mask: Tensor

    def arguments_of(self, model_type: str) -> dict[str, Tensor]:
        """What the `transformers` model of that type is called with."""
        given = {"input_ids": self.input_ids, "attention_mask": self.attention_mask.long()}
        if model_type == "longformer":
            given["global_attention_mask"] = self.global_mask.long()
        return given


def batch(lengths: Sequence[int], n_globals: Sequence[int], *, pad_id: int = 1) -> Batch:
    """Random texts of these lengths, each with so many global tokens at random places."""
    generator = torch.Generator().manual_seed(sum(lengths) + len(lengths))
    shape = len(lengths), max(lengths)
    input_ids = torch.randint(3, VOCAB, shape, generator=generator)
    attention_mask = torch.arange(shape[1]) < torch.tensor(lengths)[:, None]
    global_mask = torch.zeros(shape, dtype=torch.bool)
    for row, (length, n) in enumerate(zip(lengths, n_globals, strict=True)):
        global_mask[row, torch.randperm(length, generator=generator)[:n]] = True
    return Batch(input_ids.masked_fill(~attention_mask, pad_id), attention_mask, global_mask)
