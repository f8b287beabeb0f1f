"""What a method gives the encoder: one frozen record per layer, and nothing else.

The encoder takes the records as an ordinary argument; None is the plain model.

Axes: B rows, P placeholders, V prefix keys, W hidden size, H heads, D head width.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from prefprop_cli.core.attention import VisibleKeys
from prefprop_cli.tables import Placeholder


@dataclass(frozen=True)
class Decomposed:
    """The prefix leaves the joint softmax: `out + alpha · kernel_attention(q, K_P, V_P)`."""

    kernel: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    """See `attention.kernels.Kernel.forward`."""
    alpha: Tensor
    """() or (H, 1), weight of the prefix term."""


@dataclass(frozen=True)
class LayerPrefix:
    """What one layer gets."""

    added: Tensor | None = None
    """(B, P, W), added to the hidden states of the placeholders before the layer."""
    visible: VisibleKeys | None = None
    """Keys and values (B, V, H, D) that every query sees, local and global ones."""
    decomposed: Decomposed | None = None
    """How the prefix contributes; None is the joint softmax."""


@dataclass(frozen=True)
class Prefix:
    """What the encoder gets for one batch."""

    layers: tuple[LayerPrefix, ...]
    n_placeholders: int = 0
    """P, positions in front of each text that hold no token."""
    placeholder: Placeholder = "embedded"
    """What they hold before the first layer: `embedded` gives them the position and token-type
    embedding of a position without a word, `zero` nothing at all."""
