"""Band attention on PyTorch's scaled_dot_product_attention, in blocks of queries.

A block of c queries reads one strip of c + 2h keys, so memory grows with the row length, not its
square, and no row is padded to the window: the blocks at its edges are just shorter. The interior
blocks of a row have one shape and one mask and go through a single call.

Axes: T packed tokens, S tokens of one row, H heads, D head width, V visible keys, N blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from prefprop_cli.core.attention.spec import Backend, Band, VisibleKeys

_MIN_BLOCK = 64  # below this many queries the call costs more than the attention


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    band: Band,
    *,
    visible: VisibleKeys | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """See `spec.Attend`; memory is linear in the row length."""
    outputs = []
    for row, (queries, keys) in enumerate(zip(band.query_rows, band.key_rows, strict=True)):
        row_keys = _RowKeys(
            key=key[keys],
            value=value[keys],
            unseen=None if band.unseen is None else band.unseen[keys],
            visible=visible and visible.of_row(row),
            half_window=band.half_window,
        )
        row_query = query[queries]
        spans = _spans(len(row_query), len(row_keys.key), half_window=band.half_window)
        outputs += [_attend_span(row_query, row_keys, span, dropout=dropout) for span in spans]
    return torch.cat(outputs) if outputs else query


@dataclass(frozen=True)
class _RowKeys:
    """The keys of one row: (S, H, D), `unseen` (S,), and the visible ones (1, V, H, D)."""

    key: Tensor
    value: Tensor
    unseen: Tensor | None
    visible: VisibleKeys | None
    half_window: int | None


@dataclass(frozen=True)
class _Span:
    """N equal blocks of queries; their strips of keys start `block` keys apart."""

    start: int
    n_blocks: int
    block: int
    first_key: int
    strip: int

    @property
    def queries(self) -> slice:
        return slice(self.start, self.start + self.n_blocks * self.block)

    @property
    def keys(self) -> slice:
        last = self.first_key + (self.n_blocks - 1) * self.block
        return slice(self.first_key, last + self.strip)


def _spans(n_queries: int, n_keys: int, *, half_window: int | None) -> Iterator[_Span]:
    """The blocks of a row; those whose whole strip lies inside the row are one span."""
    if not n_queries:
        return
    if half_window is None or n_keys <= half_window + 1:
        yield _Span(0, n_blocks=1, block=n_queries, first_key=0, strip=n_keys)
        return
    block = max(half_window, _MIN_BLOCK)
    first_inner = -(-half_window // block)
    n_inner = max(0, (n_keys - half_window) // block - first_inner)
    start = 0
    while start < n_queries:
        first_key = max(0, start - half_window)
        if n_inner and start == first_inner * block:
            span = _Span(start, n_inner, block, first_key, strip=block + 2 * half_window)
        else:
            end = min(start + block, n_queries)
            strip = min(n_keys, end + half_window) - first_key
            span = _Span(start, 1, end - start, first_key, strip)
        yield span
        start = span.queries.stop


def _attend_span(query: Tensor, keys: _RowKeys, span: _Span, *, dropout: float) -> Tensor:
    key = _strips(keys.key[span.keys], span)
    value = _strips(keys.value[span.keys], span)
    mask = _band_mask(keys, span)
    if (visible := keys.visible) is not None:
        key, value = _append(key, visible.key), _append(value, visible.value)
        if mask is not None or visible.mask is not None:
            there = visible.full_mask()
            mask = there.new_ones(1, 1, span.strip) if mask is None else mask
            mask = torch.cat([mask, there.expand(*mask.shape[:2], -1)], dim=-1)
    if mask is not None:  # 0 where seen, the lowest number elsewhere (not -inf, see `reference`)
        bias = torch.zeros(mask.shape, dtype=query.dtype, device=mask.device)
        mask = bias.masked_fill_(~mask, torch.finfo(query.dtype).min).unsqueeze(1)
    blocks = query[span.queries].unflatten(0, (span.n_blocks, span.block)).transpose(1, 2)
    attention = functional.scaled_dot_product_attention
    output = attention(blocks, key, value, attn_mask=mask, dropout_p=dropout)
    return output.transpose(1, 2).flatten(0, 1)


def _band_mask(keys: _RowKeys, span: _Span) -> Tensor | None:
    """(N or 1, c or 1, strip) bool; None where every query of a block sees its whole strip."""
    mask = None
    if keys.half_window is not None and span.strip > keys.half_window + 1:
        offset = span.start - span.first_key
        position = torch.arange(offset, offset + span.block, device=keys.key.device)
        distance = position[:, None] - torch.arange(span.strip, device=keys.key.device)
        mask = (distance.abs() <= keys.half_window).unsqueeze(0)
    if keys.unseen is not None and (unseen := keys.unseen[span.keys]).any():
        seen = ~unseen.unfold(0, span.strip, span.block).unsqueeze(1)
        mask = seen if mask is None else mask & seen
    return mask


def _strips(packed: Tensor, span: _Span) -> Tensor:
    """(keys, H, D) as overlapping strips (N, H, strip, D), without a copy."""
    return packed.unfold(0, span.strip, span.block).transpose(-1, -2)


def _append(strips: Tensor, visible: Tensor) -> Tensor:
    """The visible keys (1, V, H, D) behind each strip."""
    return torch.cat([strips, visible.transpose(1, 2).expand(len(strips), -1, -1, -1)], dim=2)


BACKEND = Backend(
    name="sdpa",
    summary="blocks of queries on scaled_dot_product_attention, memory linear in length",
    attend=attend,
    devices=("cpu", "cuda", "mps"),
    dropout=True,
    backward=True,
)
