"""Backbone, method and head as one module, and which of their parameters train.

Axes: N documents of a batch, C classes.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from prefprop_cli import methods
from prefprop_cli.config.schema import MethodTable, ModelTable
from prefprop_cli.methods import Method
from prefprop_cli.model.config import EncoderConfig
from prefprop_cli.model.encoder import Encoder
from prefprop_cli.model.layout import Layout
from prefprop_cli.tasks.classification import Batch
from prefprop_cli.tasks.head import ClassificationHead


class Classifier(nn.Module):
    """Documents to logits.

    Args:
        backbone: the encoder; frozen unless the method trains it.
        method: what is trained beside the head.
        head: reads one position per document.
        pool: which one, `cls` or `prefix` (the first placeholder).
    """

    def __init__(
        self, backbone: Encoder, method: Method, head: ClassificationHead, *, pool: str
    ) -> None:
        super().__init__()
        self.backbone, self.method, self.head, self.pool = backbone, method, head, pool
        backbone.requires_grad_(method.trains_backbone)

    def forward(self, batch: Batch) -> Tensor:
        """Logits; (N, C)."""
        n_placeholders = self.method.n_placeholders
        layout = Layout.of(batch.tokens, n_placeholders=n_placeholders)
        read = layout.one_per_row(0 if self.pool == "prefix" else n_placeholders)
        prefix = self.method(len(layout.rows))
        return self.head(self.backbone.encode(batch.tokens, layout, prefix, read=read))

    @property
    def trained(self) -> dict[str, nn.Parameter]:
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
    def unread(self) -> frozenset[str]:
        """Trained tensors no gradient can reach.

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
class TrainedNumbers:
    """How many numbers train, part by part."""

    method: int
    head: int
    backbone: int
    of_backbone: int
    """All numbers of the backbone, trained or not: what the paper's percentages refer to."""

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


def trained_numbers(model: Classifier) -> TrainedNumbers:
    """Count what trains; works on meta tensors, so no weights are needed."""
    counts = {"method": 0, "head": 0, "backbone": 0}
    for name, parameter in model.trained.items():
        counts[name.split(".")[0]] += parameter.numel()
    of_backbone = sum(parameter.numel() for parameter in model.backbone.parameters())
    return TrainedNumbers(**counts, of_backbone=of_backbone)


def create_method(table: MethodTable, config: EncoderConfig) -> Method:
    """The method a `[method]` table asks for."""
    options = {name: getattr(table, name) for name in methods.Options.__dataclass_fields__}
    return methods.create(table.name, config, methods.Options(**options))


def create_classifier(
    backbone: Encoder, *, model: ModelTable, method: MethodTable, n_classes: int
) -> Classifier:
    """A classifier with a fresh method and head around a backbone."""
    head = ClassificationHead(backbone.config.width, n_classes, dropout=model.dropout)
    tuned = create_method(method, backbone.config)
    return Classifier(backbone, tuned, head, pool=method.pool)
