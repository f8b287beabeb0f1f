"""What a method is: what is trained beside the head, as one record per layer of the encoder.

`tables.METHODS` names, for each, what makes one of an `EncoderConfig`, the shape of the encoder,
and `Options`: its class. A package adds one of its own, without a fork, by an entry point:

    [project.entry-points."prefprop.methods"]
    my-method = "my_package:MyMethod"

`method.name = "my-method"` then trains it, and `[method.extra]` holds what only it takes.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from prefprop_cli.core.encoder.prefix import Prefix
from prefprop_cli.tables import Placeholder


@dataclass(frozen=True)
class Options:
    """The options of the methods of the table; each takes what it has a use for."""

    prefix_length: int = 8
    tuning_length: int = 8
    dropout: float = 0.1
    init_std: float = 0.02
    placeholder: Placeholder = "embedded"
    kernel: str = "none"
    alpha: float = 0.005
    alpha_trainable: bool = False
    alpha_per_head: bool = False
    lengthscale: float | None = None
    degree: int = 2
    extra: Mapping[str, object] = field(default_factory=dict)
    """What only a method of another package takes."""


class Method(nn.Module, ABC):
    """A way to tune an encoder; its parameters are what it trains."""

    n_placeholders: int = 0
    """Positions in front of each text that hold a prefix and no token."""
    trains_backbone: bool = False
    """Whether the weights of the backbone train as well."""

    @abstractmethod
    def forward(self, n_rows: int) -> Prefix | None:
        """Return what the encoder gets for a batch of `n_rows` texts; None is the plain model."""


def normal_parameters(n_layers: int, *shape: int, std: float) -> nn.ParameterList:
    """Draw one trainable tensor per layer from N(0, std²)."""
    drawn = (nn.init.normal_(torch.empty(*shape), std=std) for _ in range(n_layers))
    return nn.ParameterList(map(nn.Parameter, drawn))


def per_row(parameters: Iterable[Tensor], *, n_rows: int, dropout: nn.Dropout) -> list[Tensor]:
    """Repeat the tensor (…) of each layer for each row (B, …); each row has a dropout mask."""
    return [dropout(tensor.expand(n_rows, *tensor.shape)) for tensor in parameters]
