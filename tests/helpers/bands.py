"""Bands of all kinds, random tensors for them, and which queries see anything.

Axes: T_q packed queries, H heads, D head width, V visible keys.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from prefprop_cli.core.attention import Band, Rows, VisibleKeys, reference
from tests.helpers.compare import random

H, D, V = 2, 16, 3
CPU = torch.device("cpu")
VISIBLE = ["none", "all", "masked"]

BANDS = [  # lengths of the rows, half window, lengths of the query rows where they differ
    ([1], 4, None),
    ([2, 130, 1, 60], 1, None),
    ([300, 40, 500], 64, None),
    ([700], 255, None),  # tiles that are just full
    ([700], 254, None),  # and by one pair are not
    ([384, 256, 130], 256, None),  # rows that end where tiles end, and that do not
    ([128, 129, 127], 128, None),
    ([20, 400, 7], None, None),
    ([300, 5, 270], None, [1, 0, 11]),
    ([40, 130], None, [260, 3]),
]


def make_band(
    lengths: Sequence[int],
    half_window: int | None,
    query_lengths: Sequence[int] | None,
    *,
    visible: str = "none",
    unseen: bool = False,
) -> tuple[Band, VisibleKeys | None]:
    rows, query_rows = Rows.of_lengths(lengths), Rows.of_lengths(query_lengths or lengths)
    hidden = random(rows.n_tokens, seed=8) > 1.5 if unseen else None
    band = Band(query_rows, rows, half_window, unseen=hidden)
    if visible == "none":
        return band, None
    mask = random(len(rows), V, seed=6) > 0 if visible == "masked" else None
    return band, VisibleKeys(*random(2, len(rows), V, H, D, seed=4), mask)


def tensors(band: Band, *, width: int = D) -> tuple[Tensor, Tensor, Tensor]:
    key, value = random(2, band.key_rows.n_tokens, H, width, seed=2)
    return random(band.query_rows.n_tokens, H, width, seed=1, std=1.5), key, value


def is_read(band: Band, visible: VisibleKeys | None) -> Tensor:
    """(T_q,) bool: the queries that see at least one key; nobody reads the others."""
    parts = []
    for row in range(len(band.key_rows)):
        sees = reference.seen_keys(band, row, device=CPU).any(dim=1)
        parts.append(sees if visible is None else sees | visible.full_mask()[row].any())
    return torch.cat(parts)
