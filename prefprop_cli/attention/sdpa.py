"""Band attention on PyTorch's scaled_dot_product_attention, in blocks of queries.

A block of c queries reads one strip of c + 2h keys, so memory grows with the row length, not its
square, and no row is padded to the window: the blocks at its edges are just shorter. The interior
blocks of a row have one shape and one mask and go through a single call.

Axes: T packed tokens, S tokens of one row, H heads, D head width, V visible keys, N blocks.
"""

import torch
from torch import Tensor
from torch.nn import functional

from prefprop_cli.attention.spec import Band, VisibleKeys

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
        attend_row = _Row(
            key=key[keys],
            value=value[keys],
            unseen=None if band.unseen is None else band.unseen[keys],
            visible=None if visible is None else _of_row(visible, row),
            half_window=band.half_window,
            dropout=dropout,
        )
        outputs.append(attend_row(query[queries]))
    return torch.cat(outputs)


def _of_row(visible: VisibleKeys, row: int) -> VisibleKeys:
    mask = None if visible.mask is None else visible.mask[row]
    return VisibleKeys(visible.key[row], visible.value[row], mask)


class _Row:
    """The keys of one row; called with its queries (S, H, D)."""

    def __init__(
        self,
        *,
        key: Tensor,
        value: Tensor,
        unseen: Tensor | None,
        visible: VisibleKeys | None,
        half_window: int | None,
        dropout: float,
    ) -> None:
        self.key, self.value, self.unseen = key, value, unseen
        self.visible, self.half_window, self.dropout = visible, half_window, dropout

    def __call__(self, query: Tensor) -> Tensor:
        half = self.half_window
        n_queries, n_keys = len(query), len(self.key)
        if not n_queries:
            return query
        if half is None or n_keys <= half + 1:
            return self._blocks(query, n_blocks=1, block=n_queries, first_key=0, strip=n_keys)
        block = max(half, _MIN_BLOCK)
        # Blocks whose whole strip lies inside the row form one call; the others one call each.
        first_inner = -(-half // block)
        n_inner = max(0, (n_keys - half) // block - first_inner)
        outputs = []
        start = 0
        while start < n_queries:
            inner = n_inner if start == first_inner * block and n_inner else 0
            end = min(start + block * (inner or 1), n_queries)
            first_key, last_key = max(0, start - half), min(n_keys, end + half)
            strip = block + 2 * half if inner else last_key - first_key
            outputs.append(
                self._blocks(
                    query[start:end],
                    n_blocks=inner or 1,
                    block=block if inner else end - start,
                    first_key=first_key,
                    strip=strip,
                    offset=start - first_key,
                )
            )
            start = end
        return torch.cat(outputs)

    def _blocks(
        self,
        query: Tensor,
        *,
        n_blocks: int,
        block: int,
        first_key: int,
        strip: int,
        offset: int = 0,
    ) -> Tensor:
        """Attention of `n_blocks` equal blocks, whose strips start every `block` keys.

        `offset` is the place of a block's first query in its strip.
        """
        keys = slice(first_key, first_key + strip + (n_blocks - 1) * block)
        key = _strips(self.key[keys], strip=strip, step=block)
        value = _strips(self.value[keys], strip=strip, step=block)
        mask = self._band_mask(keys, block=block, strip=strip, offset=offset)
        if self.visible is not None:
            key = _append(key, self.visible.key)
            value = _append(value, self.visible.value)
            mask = _append_mask(mask, self.visible, n_blocks=n_blocks, block=block, strip=strip)
        output = functional.scaled_dot_product_attention(
            query.unflatten(0, (n_blocks, block)).transpose(1, 2),
            key,
            value,
            attn_mask=None if mask is None else _additive(mask, query.dtype),
            dropout_p=self.dropout,
        )
        return output.transpose(1, 2).flatten(0, 1)

    def _band_mask(self, keys: slice, *, block: int, strip: int, offset: int) -> Tensor | None:
        """(N or 1, c or 1, strip) bool; None where every query of a block sees its whole strip."""
        mask = None
        if self.half_window is not None and strip > self.half_window + 1:
            place = torch.arange(offset, offset + block, device=self.key.device)
            distance = place[:, None] - torch.arange(strip, device=self.key.device)
            mask = (distance.abs() <= self.half_window).unsqueeze(0)
        if self.unseen is not None and (unseen := self.unseen[keys]).any():
            seen = ~unseen.unfold(0, strip, block).unsqueeze(1)
            mask = seen if mask is None else mask & seen
        return mask


def _strips(packed: Tensor, *, strip: int, step: int) -> Tensor:
    """(keys, H, D) as overlapping strips (N, H, strip, D), without a copy."""
    return packed.unfold(0, strip, step).transpose(-1, -2)


def _append(strips: Tensor, visible: Tensor) -> Tensor:
    """The visible keys (V, H, D) behind each strip."""
    return torch.cat([strips, visible.transpose(0, 1).expand(len(strips), -1, -1, -1)], dim=2)


def _append_mask(
    mask: Tensor | None, visible: VisibleKeys, *, n_blocks: int, block: int, strip: int
) -> Tensor | None:
    if mask is None and visible.mask is None:
        return None
    there = visible.mask
    if there is None:
        there = torch.ones(len(visible.key), dtype=torch.bool, device=visible.key.device)
    if mask is None:
        mask = torch.ones(1, 1, strip, dtype=torch.bool, device=visible.key.device)
    return torch.cat([mask, there.expand(*mask.shape[:2], -1)], dim=-1)


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where seen, the lowest number elsewhere (not -inf, see `reference`); (N or 1, 1, c, K)."""
    lowest = torch.finfo(dtype).min
    return (
        torch.zeros(mask.shape, dtype=dtype, device=mask.device)
        .masked_fill_(~mask, lowest)
        .unsqueeze(1)
    )
