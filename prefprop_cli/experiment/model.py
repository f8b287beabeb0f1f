"""Backbone, method and head as one module, and which of their parameters train.

Axes: N documents of a batch, R rows, C classes or candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from prefprop_cli.config.schema import Config, MethodTable
from prefprop_cli.core import methods
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Layout, Tokens
from prefprop_cli.core.methods import Method
from prefprop_cli.tables import TASKS, Pooling
from prefprop_cli.tasks.batch import Batch, Head, losses, pooled
from prefprop_cli.training.state import Trainable


class Classifier(Trainable):
    """Documents to logits; the backbone is frozen unless the method trains it.

    The head reads some positions of each row: with `pool` = `cls` those of the task, with `prefix`
    the first placeholder. In one forward pass are `chunks_per_pass` rows, or one for each document
    of the batch if that is more; further rows are computed part by part, and each part again in the
    backward pass, so that memory does not grow with the document.
    """

    def __init__(
        self,
        backbone: Encoder,
        method: Method,
        head: Head,
        *,
        pool: str = "cls",
        chunk_pooling: Pooling = "mean",
        chunks_per_pass: int = 1,
    ) -> None:
        super().__init__()
        self.backbone, self.method, self.head, self.pool = backbone, method, head, pool
        self.chunk_pooling: Pooling = chunk_pooling
        self.chunks_per_pass = chunks_per_pass
        backbone.requires_grad_(method.trains_backbone)

    def forward(self, batch: Batch) -> Tensor:
        """Return logits (N, C), -inf for a candidate that a question does not have."""
        parts = list(batch.parts(max(self.chunks_per_pass, len(batch.n_rows))))
        if len(parts) == 1 or not torch.is_grad_enabled():
            logits = [self._of_rows(*part) for part in parts]
        else:
            logits = [checkpoint(self._of_rows, *part, use_reentrant=False) for part in parts]
        n_logits = max(part.shape[1] for part in logits)
        padded = [functional.pad(p, (0, n_logits - p.shape[1]), value=-inf) for p in logits]
        return pooled(torch.cat(padded), batch.n_rows, how=self.chunk_pooling)

    def _of_rows(self, tokens: Tokens, positions: Sequence[Sequence[int]]) -> Tensor:
        """Logits of rows; (R, C)."""
        layout = Layout.of(tokens, n_placeholders=self.method.n_placeholders)
        if self.pool == "prefix":
            read = layout.one_per_row(0)
        else:
            shift = layout.n_placeholders
            read = layout.output_positions([[shift + p for p in row] for row in positions])
        prefix = self.method(len(layout.rows))
        hidden = self.backbone.encode(tokens, layout, prefix, read=read, markers=self.head.markers)
        return self.head(hidden, read.rows)

    def losses(self, batch: Batch) -> Tensor:
        """Return the cross-entropy of each document; (N,)."""
        return losses(self(batch), batch)

    @property
    def trainable(self) -> dict[str, nn.Parameter]:
        """The parameters that train, by the names an adapter keeps them under."""
        parts = {"method": self.method, "head": self.head}
        if self.method.trains_backbone:
            parts["backbone"] = self.backbone
        return {
            f"{part}.{name}": parameter
            for part, module in parts.items()
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }

    @property
    def unreached(self) -> frozenset[str]:
        """Trainable parameters no gradient can reach.

        The head reads a global position, so the local projections of the last layer are never
        used; and a bias that all keys of a softmax share cancels out.
        """
        config = self.backbone.config
        if not self.method.trains_backbone or config.windows is None:
            return frozenset()
        last = f"backbone.layers.{config.n_layers - 1}.attention.qkv"
        biases = (f"backbone.layers.{n}.attention.key_global.bias" for n in range(config.n_layers))
        return frozenset((f"{last}.weight", f"{last}.bias", *biases))


@dataclass(frozen=True)
class ParameterCounts:
    """How many parameters train, part by part."""

    method: int
    head: int
    backbone: int
    of_backbone: int
    """All of the backbone, trained or not: what the paper's percentages refer to."""

    @property
    def total(self) -> int:
        return self.method + self.head + self.backbone

    @property
    def method_percent(self) -> float:
        """The paper's figure: the prefixes alone, in percent of the backbone."""
        return 100 * (self.method + self.backbone) / self.of_backbone

    @property
    def total_percent(self) -> float:
        """The same with the head."""
        return 100 * self.total / self.of_backbone


def count_parameters(model: Classifier) -> ParameterCounts:
    """Count the trainable parameters; meta tensors will do, so no weights are needed."""
    counts = {"method": 0, "head": 0, "backbone": 0}
    for name, parameter in model.trainable.items():
        counts[name.split(".")[0]] += parameter.numel()
    of_backbone = sum(parameter.numel() for parameter in model.backbone.parameters())
    return ParameterCounts(**counts, of_backbone=of_backbone)


def create_method(table: MethodTable, config: EncoderConfig) -> Method:
    """Return the method a `[method]` table asks for."""
    options = {name: getattr(table, name) for name in methods.Options.__dataclass_fields__}
    options["extra"] = table.extra or {}
    return methods.create(table.name, config, methods.Options(**options))


def create_classifier(backbone: Encoder, config: Config, *, n_labels: int) -> Classifier:
    """Return a classifier with a fresh method and head; 0 labels where the task has no classes."""
    # The head first: seeds mean the same weights as in earlier runs.
    task, dropout = TASKS[config.data.task], config.model.dropout
    head = task.head(backbone.config.hidden_size, n_labels, dropout=dropout)
    return Classifier(
        backbone,
        create_method(config.method, backbone.config),
        head,
        pool=config.method.pool,
        chunk_pooling=config.data.chunk_pooling,
        chunks_per_pass=config.train.chunks_per_pass,
    )
