"""Band attention on PyTorch's FlexAttention: all rows of a batch in one kernel, for CUDA.

The keys are the packed ones, then the visible keys of all rows. Which tiles of 128 queries and 128
keys hold a visible pair follows from where the rows lie: it is worked out on the CPU, once per
batch, and nothing waits for the device. The kernel is compiled anew for each shape, so lengths are
padded to a few; padding belongs to no row, and a tile without a visible pair costs nothing.

Source: FlexAttention, arXiv 2412.05496.

Axes: B rows, T packed tokens, H heads, D head width, V visible keys, Q and K padded lengths.
"""

import copy
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask, flex_attention

from prefprop_cli.core.attention.spec import Backend, Band, Rows, VisibleKeys

TILE = 128  # queries, and keys, of a tile
_MIN_HEAD_WIDTH = 16  # of the kernel's matrix products
_MAX_SHAPES = 256  # a run meets some ten; PyTorch's own limit is 8
_PADDED_QUERY, _UNSEEN_KEY = -1, -2  # the rows of those that see, or show, nothing

Sees = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    band: Band,
    *,
    visible: VisibleKeys | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """See `spec.Attend`; without dropout, and on the CPU without a backward pass.

    Raises:
        ValueError: dropout is asked for.
    """
    if dropout:
        raise ValueError(f"attention dropout = {dropout}: FlexAttention has none. Use 0")
    n_visible = 0 if visible is None else visible.key.shape[1]
    plan = plan_of(band, n_visible=n_visible, device=query.device)
    output = _run(
        _padded(query, len(plan.query_row)).transpose(0, 1).unsqueeze(0),
        plan.keys(key.to(query.dtype), None if visible is None else visible.key),
        plan.keys(value.to(query.dtype), None if visible is None else visible.value),
        plan.mask if visible is None else plan.mask_with(visible.mask),
        query.shape[-1] ** -0.5,
    )
    mixed = output.squeeze(0).transpose(0, 1)
    return mixed[: len(query), :, : query.shape[-1]].to(value.dtype)


@cache
def why_not() -> str:
    """Say why the kernel cannot be compiled for CUDA on this machine; empty if it can."""
    if find_spec("triton") is None:
        return "it needs Triton, which comes with PyTorch for CUDA"
    if not any(map(shutil.which, (os.environ.get("CC", "gcc"), "gcc", "clang"))):
        return "Triton needs a C compiler; install gcc or set CC"
    return ""


def padded_length(n: int) -> int:
    """Pad `n` tokens to the next quarter of a power of two, and to whole tiles."""
    step = max(TILE, 1 << max(n - 1, 0).bit_length() >> 3)
    return max(1, -(-n // step)) * step


@dataclass(frozen=True)
class TilePlan:
    """Where the visible pairs of a band are."""

    query_row: Tensor
    """(Q,) int32, row of each query."""
    key_row: Tensor
    """(K,) int32, row of each key that is seen."""
    n_packed: int
    """The packed keys among the K; the visible ones follow."""
    half_window: int
    """Further than this no query sees a packed key."""
    mask: BlockMask
    """Tiles with a visible pair, and `sees`, where no visible key is masked."""

    def mask_with(self, there: Tensor | None) -> BlockMask:
        """Return the same tiles, where only the visible keys in `there` (B, V) are seen."""
        if there is None:
            return self.mask
        key_row = self.key_row.clone()
        visible = key_row[self.n_packed : self.n_packed + there.numel()]
        visible.masked_fill_(~there.flatten(), _UNSEEN_KEY)
        mask = copy.copy(self.mask)
        mask.mask_mod = sees(self.query_row, key_row, self.n_packed, self.half_window)
        return mask

    def keys(self, packed: Tensor, visible: Tensor | None) -> Tensor:
        """Join keys or values (T, H, D) and the visible ones (B, V, H, D); (1, H, K, D)."""
        keys = _padded(packed, self.n_packed)
        if visible is not None:
            n_visible = len(self.key_row) - self.n_packed
            keys = torch.cat([keys, _padded(visible.flatten(0, 1).to(keys.dtype), n_visible)])
        return keys.transpose(0, 1).unsqueeze(0)


def plan_of(band: Band, *, n_visible: int, device: torch.device) -> TilePlan:
    """Plan a band with V visible keys: made once, found again in the next layer."""
    name = f"flex, {n_visible} visible keys, {device}"
    make = partial(_make_plan, band, n_visible=n_visible, device=device)
    plan: TilePlan = band.once(name, make)
    return plan


def _make_plan(band: Band, *, n_visible: int, device: torch.device) -> TilePlan:
    def send(tensor: Tensor) -> Tensor:
        return tensor.to(device, non_blocking=True)

    query_row = _lengthened(_row_numbers(band.query_rows), _PADDED_QUERY)
    packed_row = _lengthened(_row_numbers(band.key_rows), _UNSEEN_KEY)
    n_packed, half_window = len(packed_row), band.half_window
    key_row = packed_row
    if n_visible:
        visible_rows = Rows.of_lengths([n_visible] * len(band.key_rows))
        key_row = torch.cat([packed_row, _lengthened(_row_numbers(visible_rows), _UNSEEN_KEY)])
    shape = (len(query_row) // TILE, len(key_row) // TILE)
    seen, full = map(send, _tiles(band, shape, n_packed=n_packed, n_visible=n_visible))
    query_row, key_row = send(query_row), send(key_row)
    if band.unseen is not None:
        unseen = functional.pad(send(band.unseen).int(), (0, len(key_row) - len(band.unseen)))
        key_row = key_row.masked_fill(unseen.bool(), _UNSEEN_KEY)
        full = full & ~unseen.view(-1, TILE).any(dim=1)
    if half_window is None:
        half_window = len(query_row) + n_packed
    mask = BlockMask.from_kv_blocks(
        *_ordered(seen & ~full),
        *_ordered(full),
        BLOCK_SIZE=TILE,
        mask_mod=sees(query_row, key_row, n_packed, half_window),
        seq_lengths=(len(query_row), len(key_row)),
    )
    return TilePlan(query_row, key_row, n_packed, half_window, mask)


def sees(query_row: Tensor, key_row: Tensor, n_packed: int, half_window: int) -> Sees:
    """Make the rule for one query and one key."""

    # The compiled kernel takes the captured tensors as inputs, so it serves the next batch too.
    def rule(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        near = ((query - key).abs() <= half_window) | (key >= n_packed)
        return (query_row[query] == key_row[key]) & near

    return rule


def _tiles(
    band: Band, shape: tuple[int, int], *, n_packed: int, n_visible: int
) -> tuple[Tensor, Tensor]:
    """Tiles with a visible pair, and tiles of nothing else, as if no key were unseen."""
    seen, full = np.zeros((2, *shape), dtype=np.bool_)
    for row, (queries, keys) in enumerate(zip(band.query_rows, band.key_rows, strict=True)):
        reach = queries.stop + keys.stop if band.half_window is None else band.half_window
        visible = n_packed + row * n_visible
        for tile in range(shape[0])[_touched(queries.start, queries.stop)]:
            start, stop = max(queries.start, tile * TILE), min(queries.stop, (tile + 1) * TILE)
            by_one = max(keys.start, start - reach), min(keys.stop, stop + reach)
            by_all = max(keys.start, stop - 1 - reach), min(keys.stop, start + 1 + reach)
            seen[tile, _touched(*by_one)] = True
            seen[tile, _touched(visible, visible + n_visible)] = True
            if stop - start == TILE:
                full[tile, _filled(*by_all)] = True
    return torch.from_numpy(seen), torch.from_numpy(full)


def _touched(start: int, stop: int) -> slice:
    """The tiles that hold one of these tokens."""
    return slice(start // TILE, -(-stop // TILE) if start < stop else 0)


def _filled(start: int, stop: int) -> slice:
    """The tiles that hold nothing but these tokens."""
    return slice(-(-start // TILE), stop // TILE)


def _ordered(tiles: Tensor) -> tuple[Tensor, Tensor]:
    """How many tiles of each line are chosen, and all tiles, these first; int32."""
    chosen = tiles.int()[None, None]
    order = chosen.argsort(dim=-1, descending=True, stable=True)
    return chosen.sum(dim=-1, dtype=torch.int32), order.int()


def _row_numbers(rows: Rows) -> Tensor:
    return torch.arange(len(rows), dtype=torch.int32).repeat_interleave(torch.tensor(rows.lengths))


def _lengthened(rows: Tensor, filler: int) -> Tensor:
    return functional.pad(rows, (0, padded_length(len(rows)) - len(rows)), value=filler)


def _padded(packed: Tensor, length: int) -> Tensor:
    """Zeros behind the tokens (T, H, D), and behind each head up to a width the kernel has."""
    width = packed.shape[2]
    missing = max(_MIN_HEAD_WIDTH, 1 << (width - 1).bit_length()) - width
    # A copy in any case: strides that differ from batch to batch would be compiled anew.
    return functional.pad(packed, (0, missing, 0, 0, 0, length - len(packed)))


def _run(query: Tensor, key: Tensor, value: Tensor, mask: BlockMask, scale: float) -> Tensor:
    if query.is_cuda:
        with torch._dynamo.config.patch(recompile_limit=_MAX_SHAPES):
            return _compiled()(query, key, value, block_mask=mask, scale=scale)
    with warnings.catch_warnings():
        # It advises to compile. Here that is for tests, which are faster without.
        warnings.simplefilter("ignore")
        return flex_attention(query, key, value, block_mask=mask, scale=scale)


@cache
def _compiled() -> Callable[..., Tensor]:
    return torch.compile(flex_attention, dynamic=False, fullgraph=True)


BACKEND = Backend(
    name="flex",
    summary="all rows in one compiled FlexAttention kernel, memory linear in length",
    attend=attend,
    devices=("cuda",),
    dropout=False,
    backward=True,
    forward_on=("cpu",),
    why_not=why_not,
)
