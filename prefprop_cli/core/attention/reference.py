"""The definition of attention here: one dense masked softmax per row, nothing clever.

Every other backend is tested against this one, forward and backward.

Axes: T packed tokens, S tokens of one row, H heads, D head width, V visible keys.
"""

import torch
from torch import Tensor
from torch.nn import functional

from prefprop_cli.core.attention.spec import Backend, Band, VisibleKeys


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    band: Band,
    *,
    visible: VisibleKeys | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """See `spec.Attend`; memory grows with the square of the row length."""
    outputs = []
    for row, (queries, keys) in enumerate(zip(band.query_rows, band.key_rows, strict=True)):
        row_key, row_value = key[keys], value[keys]
        seen = seen_keys(band, row, device=query.device)
        if visible is not None:
            row_key = torch.cat([row_key, visible.key[row]])
            row_value = torch.cat([row_value, visible.value[row]])
            there = visible.full_mask()[row].expand(len(seen), -1)
            seen = torch.cat([seen, there], dim=1)
        outputs.append(_softmax_attention(query[queries], row_key, row_value, seen, dropout))
    return torch.cat(outputs)


def seen_keys(band: Band, row: int, *, device: torch.device) -> Tensor:
    """Write out the band of one row; (S_q, S_k) bool, True where the query sees the key."""
    n_queries, n_keys = band.query_rows.lengths[row], band.key_rows.lengths[row]
    seen = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
    if band.half_window is not None:
        distance = torch.arange(n_queries, device=device)[:, None] - torch.arange(
            n_keys, device=device
        )
        seen = distance.abs() <= band.half_window
    if band.unseen is not None:
        start = band.key_rows.offsets[row]
        seen = seen & ~band.unseen[start : start + n_keys]
    return seen


def _softmax_attention(
    query: Tensor, key: Tensor, value: Tensor, seen: Tensor, dropout: float
) -> Tensor:
    scores = torch.einsum("qhd,khd->hqk", query.float(), key.float()) * query.shape[-1] ** -0.5
    # The lowest number, not -inf: a query that sees nothing must not put NaN into the gradients.
    scores = scores.masked_fill(~seen, torch.finfo(scores.dtype).min)
    weights = functional.dropout(scores.softmax(dim=-1), dropout)
    return torch.einsum("hqk,khd->qhd", weights, value.float()).to(value.dtype)


BACKEND = Backend(
    name="reference",
    summary="dense float32 softmax, the definition; memory quadratic in length",
    attend=attend,
    devices=("cpu", "cuda", "mps"),
    dropout=True,
    backward=True,
)
