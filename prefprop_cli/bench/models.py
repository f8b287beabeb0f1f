"""Our encoder, and the same in `transformers`, called alike.

Both get the same weights, token ids, prefix and dropout. `transformers` gets its prefix by one
out-of-place pre-hook per layer, which is exact (see tests/equivalence).

Axes: B documents of a batch, S longest document, P placeholders, H hidden size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from prefprop_cli.core.encoder.checkpoint import build_encoder, to_hugging_face_names
from prefprop_cli.core.encoder.config import EncoderConfig, to_hugging_face
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Layout
from prefprop_cli.core.methods import Method
from prefprop_cli.core.modes import shapes_only
from prefprop_cli.data.form import Row
from prefprop_cli.tasks.batch import pack_rows


def random_encoder(config: EncoderConfig, **options: object) -> Encoder:
    """An encoder of that shape with weights from N(0, .02²), those of norms around 1; seed 0."""
    generator = torch.Generator().manual_seed(0)
    with shapes_only():
        empty = Encoder(config).state_dict()
    weights = {
        name: torch.randn(tensor.shape, generator=generator)
        .mul_(0.02)
        .add_(float(name.endswith("norm.weight")))
        for name, tensor in empty.items()
    }
    return build_encoder(config, weights, **options)


class Ours:
    """Our encoder; a batch is packed."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    def __call__(self, texts: Sequence[Tensor], method: Method) -> Tensor:
        documents = [[Row(text, n_global=1, positions=(0,))] for text in texts]
        batch = pack_rows(range(len(texts)), documents, labels=[0] * len(texts))
        tokens = batch.tokens.to(texts[0].device)
        layout = Layout.of(tokens, n_placeholders=method.n_placeholders)
        read = layout.one_per_row(method.n_placeholders)
        return self.encoder.encode(tokens, layout, method(len(texts)), read=read)


class Twin:
    """`transformers`' model with the weights and the dropout of ours; a batch is padded.

    Placeholders are its first positions, without a word and global.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = _as_hugging_face(encoder)
        self.pad_id, self._is_long = encoder.config.pad_id, encoder.config.windows is not None
        self._added: list[Tensor] = []
        for number, layer in enumerate(self.encoder.encoder.layer):
            layer.register_forward_pre_hook(self._adds(number))

    def padded(self, texts: Sequence[Tensor]) -> Tensor:
        """The texts as `input_ids`, filled up to the longest; (B, S)."""
        return pad_sequence(list(texts), batch_first=True, padding_value=self.pad_id)

    def __call__(self, texts: Sequence[Tensor], method: Method) -> Tensor:
        n_placeholders, input_ids = method.n_placeholders, self.padded(texts)
        lengths = torch.tensor([len(text) + n_placeholders for text in texts])
        positions = torch.arange(input_ids.shape[1] + n_placeholders)
        mask = (positions < lengths[:, None]).long().to(input_ids.device)
        arguments = {"attention_mask": mask}
        if self._is_long:
            is_global = (positions <= n_placeholders).long().to(input_ids.device)
            arguments["global_attention_mask"] = is_global.expand_as(mask)
        prefix = method(len(texts))
        layers = prefix.layers if prefix else ()
        self._added = [layer.added for layer in layers if layer.added is not None]
        if n_placeholders:
            words = self.encoder.embeddings.word_embeddings(input_ids)
            arguments["inputs_embeds"] = nn.functional.pad(words, (0, 0, n_placeholders, 0))
        else:
            arguments["input_ids"] = input_ids
        hidden: Tensor = self.encoder(**arguments).last_hidden_state
        return hidden[:, n_placeholders]

    def _adds(self, number: int) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...] | None]:
        def hook(_: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
            if not self._added:
                return None
            (hidden, *others), added = arguments, self._added[number]
            front = hidden[:, : added.shape[1]] + added
            return torch.cat([front, hidden[:, added.shape[1] :]], dim=1), *others

        return hook


def _as_hugging_face(encoder: Encoder) -> Any:
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    values = to_hugging_face(encoder.config) | {
        "hidden_dropout_prob": encoder.embeddings.dropout.p,
        "attention_probs_dropout_prob": encoder.attention_dropout,
    }
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    model = AutoModel.from_config(config, add_pooling_layer=False)
    model.load_state_dict(to_hugging_face_names(encoder.state_dict(), encoder.config))
    trains = next(encoder.parameters()).requires_grad
    return model.train(encoder.training).requires_grad_(trains)
