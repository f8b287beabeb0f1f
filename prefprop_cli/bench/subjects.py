"""The subjects of a job, ready to be timed: our encoder, and the same in `transformers`.

Both get the same weights, token ids, prefix and dropout. `transformers` gets its prefix by one
out-of-place pre-hook per layer, which is exact (see tests/equivalence).

Axes: B documents of a batch, S longest document, P placeholders, W hidden width.
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from prefprop_cli.bench.job import Job, Library, Step, Subject
from prefprop_cli.bench.shapes import SHAPES
from prefprop_cli.core.encoder.checkpoint import build_encoder, to_hugging_face_names
from prefprop_cli.core.encoder.config import EncoderConfig, to_hugging_face
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Layout
from prefprop_cli.core.methods import Method
from prefprop_cli.core.modes import shapes_only
from prefprop_cli.data.form import Row
from prefprop_cli.experiment.model import create_method
from prefprop_cli.experiment.plan import load_encoder, make_plan
from prefprop_cli.tasks.batch import pack_rows


class Model(Protocol):
    """An encoder of either library."""

    @property
    def encoder(self) -> nn.Module: ...

    def __call__(self, texts: Sequence[Tensor], method: Method, *, pad_to: int | None) -> Tensor:
        """Last hidden states of `[CLS]`; (B, W)."""


def ready(job: Job) -> list[Callable[[], Tensor]]:
    """The subjects of a job; each call does the work once.

    It returns the last hidden states of `[CLS]` of the last batch, (B, W).
    """

    # Subjects share a model where they can: where it lies in memory is then the same for all.
    @cache
    def model(library: Library, step: Step) -> Model:
        encoder = load(job).train(step != "forward").requires_grad_(step == "full")
        made = Ours(encoder) if library == "prefprop" else Twin(encoder)
        made.encoder.to(job.device)
        return made

    found = [_work(model(s.library, s.step), s, job) for s in job.subjects]
    gc.collect()
    return found


def load(job: Job) -> Encoder:
    """The encoder of a job, on CPU, in evaluation mode."""
    if job.shape is None:
        return load_encoder(make_plan(job.config))
    table = job.config.model
    return random_encoder(
        encoder_config(job),
        attention=table.attention,
        dropout=table.dropout,
        attention_dropout=table.attention_dropout,
        gradient_checkpointing=table.gradient_checkpointing,
    )


def encoder_config(job: Job) -> EncoderConfig:
    """The shape of the encoder of a job.

    Raises:
        DataError: the backbone is missing, or of a type that cannot be used.
        ConfigError: the configuration asks for what this backbone cannot do.
    """
    if job.shape is None:
        return make_plan(job.config).encoder
    shape = SHAPES[job.shape]
    return replace(shape, n_positions=job.n_positions or shape.n_positions)


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

    def __call__(self, texts: Sequence[Tensor], method: Method, *, pad_to: int | None) -> Tensor:
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
        self._config = encoder.config
        self._added: list[Tensor] = []
        for number, layer in enumerate(self.encoder.encoder.layer):
            layer.register_forward_pre_hook(self._adds(number))

    def __call__(self, texts: Sequence[Tensor], method: Method, *, pad_to: int | None) -> Tensor:
        n_placeholders = method.n_placeholders
        input_ids = pad_sequence(list(texts), batch_first=True, padding_value=self._config.pad_id)
        short = max(0, (pad_to or 0) - input_ids.shape[1])
        input_ids = nn.functional.pad(input_ids, (0, short), value=self._config.pad_id)
        lengths = torch.tensor([len(text) + n_placeholders for text in texts])
        places = torch.arange(input_ids.shape[1] + n_placeholders)
        mask = (places < lengths[:, None]).long().to(input_ids.device)
        arguments = {"attention_mask": mask}
        if self._config.windows is not None:
            is_global = (places <= n_placeholders).long().to(input_ids.device)
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


def _work(model: Model, subject: Subject, job: Job) -> Callable[[], Tensor]:
    device, train = torch.device(job.device), subject.step != "forward"
    config = encoder_config(job)
    torch.manual_seed(0)
    method = create_method(subject.method, config).to(device).train(train)
    batches = [[text.to(device) for text in batch] for batch in _texts(subject, config)]
    # Not a sum: that of a normalised vector is a constant, and its gradient zero.
    direction = torch.randn(config.hidden_size, device=device)
    half = subject.dtype == "bfloat16"

    def run() -> Tensor:
        if train:
            method.zero_grad()
            model.encoder.zero_grad()
        for batch in batches:
            with (
                torch.set_grad_enabled(train),
                torch.autocast(device.type, torch.bfloat16, enabled=half),
            ):
                read = model(batch, method, pad_to=subject.pad_to)
            if train:
                (read.float() @ direction).sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return read.detach()

    return run


def _texts(subject: Subject, config: EncoderConfig) -> list[list[Tensor]]:
    """Random tokens, the same ones for subjects of the same lengths."""
    generator = torch.Generator().manual_seed(0)
    return [
        [torch.randint(5, config.vocab_size, (length,), generator=generator) for length in batch]
        for batch in subject.batches
    ]


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
