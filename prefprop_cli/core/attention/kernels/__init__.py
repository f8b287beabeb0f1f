"""Kernels of the decomposed form: one file each, one line in `tables.KERNELS`."""

from prefprop_cli.core.attention.kernels.base import Kernel
from prefprop_cli.tables import KERNELS

__all__ = ["KERNELS", "Kernel"]
