"""Kernels of the decomposed form: positive weights of a few keys for each query, row by row.

Kern(Q, K, V)_i = sum_j k(Q_i, K_j) V_j / sum_j k(Q_i, K_j)

A kernel is a class here and a line in `tables.KERNELS`.

Source: Tsai et al. 2019 (arXiv 1908.11775), as used by the paper (arXiv 2305.12086, eq. 7-9).
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional


class Kernel(nn.Module, ABC):
    """A kernel over heads; a subclass gives the normalised weights."""

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width

    @abstractmethod
    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        """Weigh keys (P, H, D) for queries (S, H, D), not scaled; rows of (H, S, P) sum to 1."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> Tensor:
        """Mix the values (P, H, D) of the keys (P, H, D) for the queries of one row; (S, H, D)."""
        weights = functional.dropout(self.weights(query, key), dropout, training=dropout > 0)
        return (weights @ value.transpose(0, 1)).transpose(0, 1)


class Exp(Kernel):
    """k(q, k) = exp(q·k / √D), that of softmax attention and of the paper's experiments."""

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        return (_inner_products(query, key) * self.head_width**-0.5).softmax(dim=-1)


class Rbf(Kernel):
    """k(q, k) = exp(-|q - k|² / 2s²), the Gaussian kernel, with a trainable length scale s.

    Its initial value is in units of q and k, and by default the fourth root of D, which gives the
    inner product the same factor 1/√D as in `Exp`.
    """

    def __init__(self, head_width: int, *, lengthscale: float | None = None) -> None:
        super().__init__(head_width)
        self.log_lengthscale = nn.Parameter(torch.tensor(math.log(lengthscale or head_width**0.25)))

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        # |q|² is the same for all keys of a query, so it drops out of the normalised weights.
        key_norms = key.square().sum(-1).T.unsqueeze(1)
        half_distances = _inner_products(query, key) - key_norms / 2
        return (half_distances * torch.exp(-2 * self.log_lengthscale)).softmax(dim=-1)


class Poly(Kernel):
    """k(q, k) = (q·k / √D + 1)ⁿ for an even degree n, so that no weight is negative.

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
        values = (_inner_products(query, key) * self.head_width**-0.5 + 1) ** self.degree
        return values / values.sum(dim=-1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)


class Linear(Kernel):
    """k(q, k) = φ(q)·φ(k) with φ(x) = elu(x) + 1; a bare q·k takes both signs.

    Source: Katharopoulos et al. 2020 (arXiv 2006.16236, eq. 7).
    """

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        values = _inner_products(functional.elu(query) + 1, functional.elu(key) + 1)
        return values / values.sum(dim=-1, keepdim=True)


def _inner_products(query: Tensor, key: Tensor) -> Tensor:
    """q·k for each head; (H, S, P)."""
    return query.transpose(0, 1) @ key.permute(1, 2, 0)
