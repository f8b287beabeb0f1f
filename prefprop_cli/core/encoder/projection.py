"""The fused projection of one layer, by head, and the keys and values at some positions.

Axes: T packed tokens, W hidden size, H heads, D head width, N positions.
"""

from typing import Any

import torch
from torch import Tensor


def split_qkv(projected: Tensor, positions: Tensor, *, n_heads: int) -> tuple[Tensor, ...]:
    """Split (T, 3 · W) into queries, keys and values, and take some keys and values once more.

    The same as unbinding the three and indexing two of them at `positions` (N,), which may repeat;
    but where the gradients of the three come in one piece of memory they go back as they are, and
    those at the positions are added to them, so that nothing of the size of the text is copied.

    Returns:
        Three (T, H, D) views and two (N, H, D).
    """
    parts: tuple[Tensor, ...] = _SplitQkv.apply(projected, positions, n_heads)  # type: ignore[no-untyped-call]
    return parts


class _SplitQkv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, positions: Tensor, n_heads: int) -> tuple[Tensor, ...]:
        query, key, value = projected.unflatten(1, (3, n_heads, -1)).unbind(1)
        ctx.save_for_backward(positions)
        return query, key, value, key[positions], value[positions]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (positions,) = ctx.saved_tensors
        *of_all, of_keys, of_values = grads
        whole = _one_piece(*of_all)
        whole[:, 1].index_add_(0, positions, of_keys)
        whole[:, 2].index_add_(0, positions, of_values)
        return whole.flatten(1), None, None


def _one_piece(*parts: Tensor) -> Tensor:
    """(T, 3, H, D) of three (T, H, D): what they are views of if they are, else a copy."""
    base = parts[0]._base
    if (
        base is not None
        and base.shape == (len(parts[0]), len(parts), *parts[0].shape[1:])
        and all(part.data_ptr() == base[:, n].data_ptr() for n, part in enumerate(parts))
        and all(part.stride() == base[:, 0].stride() for part in parts)
    ):
        return base
    return torch.stack(parts, dim=1)
