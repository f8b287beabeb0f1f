"""What a method gives the encoder: one frozen record per layer, and nothing else.

The encoder takes the records as an ordinary argument; None is the plain model.

Axes: B rows, P placeholders, V prefix keys, W hidden width, H heads, D head width.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from prefprop_cli.core.attention import VisibleKeys
from prefprop_cli.tables import Placeholder


@dataclass(frozen=True)
class Decomposed:
    """The prefix leaves the joint softmax: `out + alpha · kernel_attention(q, K_P, V_P)`.

    Args:
        kernel: kernel attention of (S, H, D) queries over (P, H, D) keys and values, with a
            dropout probability; see `attention.kernels`.
        alpha: () or (H, 1), weight of the prefix term.
    """

    kernel: Callable[[Tensor, Tensor, Tensor, float], Tensor]
    alpha: Tensor


@dataclass(frozen=True)
class LayerPrefix:
    """What one layer gets.

    Args:
        added: (B, P, W), added to the hidden states of the placeholders before the layer.
        visible: (B, V, H, D) keys and values that every query sees, local and global ones.
        decomposed: how the prefix contributes; None is the joint softmax.
    """

    added: Tensor | None = None
    visible: VisibleKeys | None = None
    decomposed: Decomposed | None = None


@dataclass(frozen=True)
class Prefix:
    """What the encoder gets for one batch.

    Args:
        layers: one record per layer.
        n_placeholders: P, positions in front of each text that hold no token.
        placeholder: what they hold before the first layer: `embedded` gives them the position
            and token-type embedding of a position without a word, `zero` nothing at all.
    """

    layers: tuple[LayerPrefix, ...]
    n_placeholders: int = 0
    placeholder: Placeholder = "embedded"
