"""What a kernel is: positive weights of a few keys for each query, one row at a time.

Kern(Q, K, V)_i = sum_j k(Q_i, K_j) V_j / sum_j k(Q_i, K_j)

Source: Tsai et al. 2019 (arXiv 1908.11775), as used by the paper (arXiv 2305.12086, eq. 7-9).
"""

from abc import ABC, abstractmethod

from torch import Tensor, nn
from torch.nn import functional


class Kernel(nn.Module, ABC):
    """A kernel over heads; a subclass gives the normalised weights.

    Args:
        head_width: D, for kernels whose scale depends on it.
    """

    def __init__(self, head_width: int) -> None:
        super().__init__()
        self.head_width = head_width

    @abstractmethod
    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        """Normalised kernel values.

        Args:
            query: (S, H, D), not scaled.
            key: (P, H, D), not scaled.

        Returns:
            (H, S, P), each row sums to 1.
        """

    def forward(self, query: Tensor, key: Tensor, value: Tensor, dropout: float = 0.0) -> Tensor:
        """Kernel attention of the queries of one row.

        Args:
            query: (S, H, D).
            key: (P, H, D).
            value: (P, H, D).
            dropout: probability with which a weight is dropped.

        Returns:
            (S, H, D).
        """
        weights = functional.dropout(self.weights(query, key), dropout, training=dropout > 0)
        return (weights @ value.transpose(0, 1)).transpose(0, 1)


def inner_products(query: Tensor, key: Tensor) -> Tensor:
    """q·k for each head; (H, S, P)."""
    return query.transpose(0, 1) @ key.permute(1, 2, 0)
