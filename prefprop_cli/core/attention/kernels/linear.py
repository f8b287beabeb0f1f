"""k(q, k) = φ(q)·φ(k) with φ(x) = elu(x) + 1, the positive linear kernel.

A bare q·k takes both signs, and its normaliser can vanish.
Source: Katharopoulos et al. 2020 (arXiv 2006.16236, eq. 7).
"""

from torch import Tensor
from torch.nn import functional

from prefprop_cli.core.attention.kernels.base import Kernel, inner_products


class Linear(Kernel):
    """The linear kernel; no parameters."""

    def weights(self, query: Tensor, key: Tensor) -> Tensor:
        values = inner_products(functional.elu(query) + 1, functional.elu(key) + 1)
        return values / values.sum(dim=-1, keepdim=True)
