"""k(q, k) = exp(-|q - k|² / 2s²), with a trained length scale s."""

import math

import torch
from torch import Tensor, nn

from prefprop_cli.core.attention.kernels.base import Kernel, inner_products


class Rbf(Kernel):
    """The Gaussian kernel.

    Args:
        head_width: D.
        lengthscale: initial s, in units of q and k; by default the fourth root of D, which gives
            the inner product the same factor 1/√D as in `Exp`.
    """

    def __init__(self, head_width: int, *, lengthscale: float | None = None) -> None:
        super().__init__(head_width)
        self.log_lengthscale = nn.Parameter(torch.tensor(math.log(lengthscale or head_width**0.25)))

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        # |q|² is the same for all keys of a query, so it drops out of the normalised weights.
        key_norms = key.square().sum(-1).T.unsqueeze(1)
        half_distances = inner_products(query, key) - key_norms / 2
        return (half_distances * torch.exp(-2 * self.log_lengthscale)).softmax(dim=-1)
