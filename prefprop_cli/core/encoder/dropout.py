"""Dropout on hidden states, added to the residual stream in one go.

On a CPU PyTorch keeps a mask of floats for the backward pass and takes as long to draw it as a
small matrix product. The C kernel makes the mask from a seed, twice, and keeps nothing. The seed is
drawn from PyTorch's generator, so a run is repeated, checkpointed and resumed as ever.
"""

import ctypes
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from prefprop_cli.core import native
from prefprop_cli.core.modes import plain_modes

_LEVELS = 2**16
"""A share to drop is rounded to 1 / 65,536."""


class Dropout(nn.Dropout):
    """`onto + dropout(input)`: a number is 0 with probability p, else divided by 1 - p."""

    def forward(self, input: Tensor, *, onto: Tensor | None = None) -> Tensor:
        """Return the sum, or without `onto` the dropped input; of the shape of the input."""
        if self.training and self.p and _fits(input, onto):
            return _Dropped.apply(input, onto, self.p)  # type: ignore[no-untyped-call]
        dropped = functional.dropout(input, self.p, self.training)
        return dropped if onto is None else onto + dropped


def kept(seed: int, n: int, p: float) -> NDArray[np.bool_]:
    """Compute which of n numbers the kernel keeps: its definition, in NumPy; (n,)."""
    with np.errstate(over="ignore"):  # products are taken modulo 2⁶⁴
        z = np.uint64(seed) + np.arange(1, -(-n // 4) + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return z.astype("<u8").view("<u2")[:n] >= _threshold(p)


class _Dropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, onto: Tensor | None, p: float) -> Tensor:
        ctx.seed, ctx.p = int(torch.randint(2**63 - 1, ())), p
        return _run(x, onto, seed=ctx.seed, p=p)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (grad,) = grads
        of_x = _run(grad, None, seed=ctx.seed, p=ctx.p) if ctx.needs_input_grad[0] else None
        return of_x, grad if ctx.needs_input_grad[1] else None, None


def _fits(x: Tensor, onto: Tensor | None) -> bool:
    given = [x] if onto is None else [x, onto]
    plain = all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in given)
    return plain and not _why_not()


@cache
def _why_not() -> str:
    return native.why_not(_is_right)


@plain_modes()
def _is_right() -> bool:
    x, seed, p = torch.arange(1.0, 3001.0), 2**63 - 3, 0.3
    expected = np.where(kept(seed, 3000, p), x.numpy() * np.float32(_scale(p)), 0)
    return np.array_equal(_run(x, None, seed=seed, p=p).numpy(), expected)


def _run(x: Tensor, onto: Tensor | None, *, seed: int, p: float) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    onto = None if onto is None else onto.contiguous()
    native.load().dropout(
        ctypes.c_void_p(x.data_ptr()),
        ctypes.c_void_p(None if onto is None else onto.data_ptr()),
        ctypes.c_void_p(out.data_ptr()),
        ctypes.c_int64(x.numel()),
        ctypes.c_uint64(seed),
        ctypes.c_uint32(_threshold(p)),
        ctypes.c_float(_scale(p)),
    )
    return out


def _threshold(p: float) -> int:
    return round(p * _LEVELS)


def _scale(p: float) -> float:
    return _LEVELS / (_LEVELS - _threshold(p))
