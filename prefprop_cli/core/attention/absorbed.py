"""Full attention of a few queries without projecting the keys and values they read.

q·(W_k x + b_k) = (W_kᵀ q)·x + q·b_k and Σ p_j (W_v x_j + b_v) = W_v Σ p_j x_j + b_v Σ p_j, so a
few global queries take the two projections upon themselves, and the two S x W x W products over
the text disappear. Exact; cheaper while a row has G · H <= 2 W.

Axes: T packed tokens, B rows, S tokens of the longest row, G queries (of the row with the most),
H heads, D head width, W hidden size, V visible keys.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import Linear, functional

from prefprop_cli.core.attention.spec import Band, Rows, VisibleKeys


def attend_absorbed(
    query: Tensor,
    hidden: Tensor,
    key_projection: Linear,
    value_projection: Linear,
    band: Band,
    *,
    visible: VisibleKeys | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Compute `attend(query, key_projection(hidden), value_projection(hidden), band)`.

    `query` is (G, H, D), not scaled, `hidden` (T, W); each projection is from W to H · D, the band
    has no window, and the visible keys (B, V, H, D) are projected. The result is (G, H, D), of the
    dtype of `hidden`.
    """
    projections = (key_projection, value_projection)
    if hidden.device.type != "cpu":
        # Each small step costs a launch there.
        return all_rows_at_once(query, hidden, *projections, band, visible, dropout)
    # Here a row that is padded costs what its padding costs.
    outputs = []
    for row, (queries, keys) in enumerate(zip(band.query_rows, band.key_rows, strict=True)):
        of_row = Band(
            query_rows=Rows.of_lengths([queries.stop - queries.start]),
            key_rows=Rows.of_lengths([keys.stop - keys.start]),
            unseen=None if band.unseen is None else band.unseen[keys],
        )
        seen = visible and visible.of_row(row)
        given = (query[queries], hidden[keys])
        outputs.append(all_rows_at_once(*given, *projections, of_row, seen, dropout))
    return torch.cat(outputs)


def all_rows_at_once(
    query: Tensor,
    hidden: Tensor,
    key_projection: Linear,
    value_projection: Linear,
    band: Band,
    visible: VisibleKeys | None,
    dropout: float,
) -> Tensor:
    """See `attend_absorbed`; rows of different lengths are padded to the longest."""
    n_heads, head_width = query.shape[1:]
    queries, keys = band.once(
        f"absorbed, {query.device}",
        lambda: [_Slots.of(rows, query.device) for rows in (band.query_rows, band.key_rows)],
    )
    key_weight = key_projection.weight.unflatten(0, (n_heads, head_width))
    value_weight = value_projection.weight.unflatten(0, (n_heads, head_width)).transpose(1, 2)
    query, text = queries.pad(query).transpose(1, 2), keys.pad(hidden)  # (B, H, G, D), (B, S, W)
    scores = _by_row(_by_head(query, key_weight), text.transpose(1, 2))
    scores = scores + _by_head(query, key_projection.bias.view(n_heads, head_width, 1))
    if (unseen := keys.unseen(band.unseen)) is not None:
        scores = scores.masked_fill(unseen[:, None, None], torch.finfo(scores.dtype).min)
    if visible is not None:
        of_visible = query @ visible.key.permute(0, 2, 3, 1)
        if visible.mask is not None:
            lowest = torch.finfo(scores.dtype).min
            of_visible = of_visible.masked_fill(~visible.mask[:, None, None], lowest)
        scores = torch.cat([scores, of_visible], dim=-1)
    weights = (scores.float() * head_width**-0.5).softmax(dim=-1).to(hidden.dtype)
    weights = functional.dropout(weights, dropout, training=dropout > 0)
    of_text, of_visible = weights.tensor_split([text.shape[1]], dim=-1)
    context = _by_head(_by_row(of_text, text), value_weight)
    bias = value_projection.bias.view(n_heads, 1, head_width)
    context = context + of_text.sum(-1, keepdim=True) * bias
    if visible is not None:
        context = context + of_visible @ visible.value.transpose(1, 2)
    return queries.unpad(context.transpose(1, 2))


@dataclass(frozen=True)
class _Slots:
    """Packed rows (T, ...) as padded ones (B, S, ...), and back."""

    shape: tuple[int, int]
    index: Tensor | None
    """(T,) where each token is among the B · S; None where no row is padded."""

    @classmethod
    def of(cls, rows: Rows, device: torch.device) -> "_Slots":
        longest = max(rows.lengths)
        if min(rows.lengths) == longest:
            return cls((len(rows), longest), None)
        parts = [torch.arange(n) + row * longest for row, n in enumerate(rows.lengths)]
        return cls((len(rows), longest), torch.cat(parts).to(device, non_blocking=True))

    def pad(self, packed: Tensor) -> Tensor:
        if self.index is not None:
            empty = packed.new_zeros(self.shape[0] * self.shape[1], *packed.shape[1:])
            packed = empty.index_copy(0, self.index, packed)
        return packed.unflatten(0, self.shape)

    def unpad(self, padded: Tensor) -> Tensor:
        flat = padded.flatten(0, 1)
        return flat if self.index is None else flat.index_select(0, self.index)

    def unseen(self, unseen: Tensor | None) -> Tensor | None:
        """(B, S) bool: padding, and those of the packed tokens (T,) that nobody sees."""
        if self.index is None:
            return None if unseen is None else unseen.unflatten(0, self.shape)
        if unseen is None:
            unseen = torch.zeros_like(self.index, dtype=torch.bool)
        return ~self.pad(~unseen)


def _by_head(x: Tensor, weight: Tensor) -> Tensor:
    """(B, H, G, A) times a matrix per head, (H, A, Z)."""
    rows, _, queries, _ = x.shape
    product = x.transpose(0, 1).flatten(1, 2) @ weight
    return product.unflatten(1, (rows, queries)).transpose(0, 1)


def _by_row(x: Tensor, rows: Tensor) -> Tensor:
    """(B, H, G, A) times a matrix per row, (B, A, Z)."""
    return (x.flatten(1, 2) @ rows).unflatten(1, x.shape[1:3])
