"""The fused projection of one layer, by head, and the keys and values at some places.

Axes: T packed tokens, W hidden width, H heads, D head width, N places.
"""

from typing import Any

import torch
from torch import Tensor


def split_qkv(projected: Tensor, places: Tensor, *, n_heads: int) -> tuple[Tensor, ...]:
    """Queries, keys and values of all tokens, and the keys and values at `places`.

    The same as unbinding the three and indexing two of them; but where the gradients of the three
    come in one piece of memory they go back as they are, and those at the places are added to
    them, so that nothing of the size of the text is copied.

    Args:
        projected: (T, 3 · W).
        places: (N,) int64, may repeat.
        n_heads: H.

    Returns:
        Three (T, H, D) views and two (N, H, D).
    """
    parts: tuple[Tensor, ...] = _SplitQkv.apply(projected, places, n_heads)  # type: ignore[no-untyped-call]
    return parts


class _SplitQkv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: Tensor, places: Tensor, n_heads: int) -> tuple[Tensor, ...]:
        query, key, value = projected.unflatten(1, (3, n_heads, -1)).unbind(1)
        ctx.save_for_backward(places)
        return query, key, value, key[places], value[places]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        *of_all, of_keys, of_values = grads
        whole = _one_piece(*of_all)
        whole[:, 1].index_add_(0, places, of_keys)
        whole[:, 2].index_add_(0, places, of_values)
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
