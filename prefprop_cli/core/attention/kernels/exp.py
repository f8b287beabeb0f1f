"""k(q, k) = exp(q·k / √D), the kernel of softmax attention and of the paper's experiments."""

from torch import Tensor

from prefprop_cli.core.attention.kernels.base import Kernel, inner_products


class Exp(Kernel):
    """The exponential kernel; no parameters."""

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        return (inner_products(query, key) * self.head_width**-0.5).softmax(dim=-1)
