"""Kernels of the decomposed form: one file each, one line in the table."""

from collections.abc import Callable

from prefprop_cli.core.attention.kernels.base import Kernel
from prefprop_cli.core.attention.kernels.exp import Exp
from prefprop_cli.core.attention.kernels.linear import Linear
from prefprop_cli.core.attention.kernels.poly import Poly
from prefprop_cli.core.attention.kernels.rbf import Rbf

KERNELS: dict[str, Callable[..., Kernel]] = {
    "exp": Exp,
    "rbf": Rbf,
    "poly": Poly,
    "linear": Linear,
}

__all__ = ["KERNELS", "Kernel"]
