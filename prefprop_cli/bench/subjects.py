"""What is timed: a forward pass or a prefix step on random documents, ours and `transformers`'.

Both use the same weights and the same token ids. `transformers` gets its prefix by one
out-of-place pre-hook per layer, which is exact (see tests/equivalence).
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prefprop_cli.build.model import create_method
from prefprop_cli.build.plan import Plan, load_encoder
from prefprop_cli.methods.prefix_propagation import PrefixPropagation
from prefprop_cli.model.checkpoint import encoder_files
from prefprop_cli.model.encoder import Encoder
from prefprop_cli.model.layout import Layout, pack

OURS, TRANSFORMERS = "prefprop", "transformers"


@dataclass(frozen=True)
class Work:
    """What to do.

    Args:
        length: positions per document, placeholders included.
        batch_size: documents at a time.
        train: a forward and a backward pass that reach the prefix, in place of a forward pass.
    """

    length: int
    batch_size: int = 1
    train: bool = False

    def input_ids(self, plan: Plan) -> Tensor:
        """Random tokens (B, length - P), the same ones for every subject."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.batch_size, self.length - plan.n_placeholders)
        return torch.randint(5, plan.encoder.vocab_size, shape, generator=generator)


def subject(name: str, plan: Plan, work: Work, *, device: str) -> Callable[[], None]:
    """The subject of that name, loaded and ready; each call does the work once."""
    encoder = load_encoder(plan).to(device)
    return {OURS: _ours, TRANSFORMERS: _transformers}[name](encoder, plan, work)


def _ours(encoder: Encoder, plan: Plan, work: Work) -> Callable[[], None]:
    method = create_method(plan.config.method, plan.encoder)
    encoder.requires_grad_(method.trains_backbone).train(work.train)
    method.train(work.train)
    device = next(encoder.parameters()).device
    method.to(device)
    input_ids = work.input_ids(plan).to(device)
    tokens = pack(input_ids, None, _first_is_global(input_ids))

    def run() -> None:
        with torch.set_grad_enabled(work.train):
            layout = Layout.of(tokens, n_placeholders=method.n_placeholders)
            read = layout.one_per_row(method.n_placeholders)
            hidden = encoder.encode(tokens, layout, method(work.batch_size), read=read)
            _finish(hidden, train=work.train)

    return run


def _transformers(encoder: Encoder, plan: Plan, work: Work) -> Callable[[], None]:
    """Placeholders of a propagated prefix are its first positions; other prefixes it cannot do."""
    model = _as_hugging_face(encoder)
    method = create_method(plan.config.method, plan.encoder)
    model.requires_grad_(method.trains_backbone).train(work.train)
    device = next(model.parameters()).device
    input_ids = work.input_ids(plan).to(device)
    prefix_length = method.n_placeholders
    if isinstance(method, PrefixPropagation):
        for layer, prefix in zip(model.encoder.layer, method.to(device).prefix, strict=True):
            layer.register_forward_pre_hook(_adds(prefix))
    words = model.embeddings.word_embeddings(input_ids).detach()
    words = torch.cat([words.new_zeros(len(words), prefix_length, words.shape[2]), words], dim=1)
    is_global = torch.arange(words.shape[1], device=device) <= prefix_length
    mask = torch.ones(words.shape[:2], dtype=torch.long, device=device)
    arguments = {"inputs_embeds": words, "attention_mask": mask}
    if plan.encoder.windows is not None:
        arguments["global_attention_mask"] = is_global.long().expand_as(mask)

    def run() -> None:
        with torch.set_grad_enabled(work.train):
            hidden = model(**arguments).last_hidden_state
            _finish(hidden[:, prefix_length], train=work.train)

    return run


def _finish(read: Tensor, *, train: bool) -> None:
    if train:
        read.sum().backward()
    if read.is_cuda:
        torch.cuda.synchronize()


def _adds(prefix: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, *others = arguments
        front = hidden[:, : len(prefix)] + prefix
        return torch.cat([front, hidden[:, len(prefix) :]], dim=1), *others

    return hook


def _as_hugging_face(encoder: Encoder) -> Any:
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    with suppress(AttributeError):
        logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in encoder_files(encoder).items():
            (Path(folder) / name).write_bytes(data)
        device = next(encoder.parameters()).device
        return AutoModel.from_pretrained(folder, add_pooling_layer=False).to(device)


def _first_is_global(input_ids: Tensor) -> Tensor:
    return (torch.arange(input_ids.shape[1], device=input_ids.device) == 0).expand_as(input_ids)
