"""k(q, k) = (q·k / √D + 1)ⁿ for an even n, so that no weight is negative."""

import torch
from torch import Tensor

from prefprop_cli.core.attention.kernels.base import Kernel, inner_products


class Poly(Kernel):
    """The polynomial kernel; no parameters.

    Args:
        head_width: D.
        degree: n, even.

    Raises:
        ValueError: `degree` is odd: weights of both signs can cancel to a zero denominator.
    """

    def __init__(self, head_width: int, *, degree: int = 2) -> None:
        super().__init__(head_width)
        if degree % 2:
            raise ValueError(
                f"degree = {degree} is odd, and its weights could be negative. Use {degree + 1}"
            )
        self.degree = degree

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        values = (inner_products(query, key) * self.head_width**-0.5 + 1) ** self.degree
        return values / values.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
