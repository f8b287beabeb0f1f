"""Longformer self-attention: local queries and global queries, each with projections of its own.

Local queries see their window and, always, the row's global tokens and the prefix keys; global
queries see the whole row and the prefix keys. Without a window there are only local queries.

Axes: T packed tokens, W hidden size, H heads, D head width, P placeholders, R positions that are
read.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prefprop_cli.core.attention import Attend, Band, Rows, VisibleKeys
from prefprop_cli.core.attention.absorbed import attend_absorbed
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.layout import Layout, OutputPositions
from prefprop_cli.core.encoder.prefix import LayerPrefix
from prefprop_cli.core.encoder.projection import split_qkv


@dataclass(frozen=True)
class Context:
    """What one layer is given beside its hidden states."""

    layout: Layout
    prefix: LayerPrefix
    attend: Attend
    attention_dropout: float

    @property
    def is_decomposed(self) -> bool:
        return self.prefix.decomposed is not None

    @property
    def joint_prefix(self) -> VisibleKeys | None:
        """The prefix keys inside the joint softmax."""
        return None if self.is_decomposed else self.prefix.visible

    def whole_rows(self, query_rows: Rows) -> Band:
        """The band of queries that see their whole row; a decomposed prefix is not in it."""
        return self.layout.whole_rows(query_rows, sees_placeholders=not self.is_decomposed)


class SelfAttention(nn.Module):
    """Multi-head self-attention of one layer, up to its output projection.

    The window is of both sides together; None is full attention.
    """

    def __init__(self, config: EncoderConfig, *, window: int | None) -> None:
        super().__init__()
        size = config.hidden_size
        self.half_window = None if window is None else window // 2
        self.n_heads, self.head_width = config.n_heads, config.head_width
        self.qkv = nn.Linear(size, 3 * size)
        if window is not None:
            self.query_global = nn.Linear(size, size)
            self.key_global = nn.Linear(size, size)
            self.value_global = nn.Linear(size, size)

    def forward(
        self,
        hidden: Tensor,
        context: Context,
        read: OutputPositions | None = None,
        *,
        text: Tensor | None = None,
    ) -> Tensor:
        """Map (T, W) to the mixed values of all heads, (T, W), or (R, W) for positions in `read`.

        `text` (T, W) is `hidden` before a prefix was added to its placeholders, if one was.
        """
        if self.half_window is None:
            query, key, value = self._split_heads(self.qkv(hidden))
            rows = context.layout.rows
            if read is not None:
                query, rows = query[read.index], read.rows
            band = context.whole_rows(rows)
            return self._attend(query, key, value, band, context, None).flatten(1)
        if read is not None:
            return self._global(hidden, context, read).flatten(1)
        is_frozen = text is not None and hidden.requires_grad and not text.requires_grad
        frozen = text if is_frozen else None
        mixed = self._local(hidden, frozen, context, self.half_window)
        everywhere = context.layout.globals
        if len(everywhere.index):
            of_globals = self._global(hidden, context, everywhere).to(mixed.dtype)
            mixed = mixed.index_copy(0, everywhere.index, of_globals)
        return mixed.flatten(1)

    def _local(
        self, hidden: Tensor, frozen: Tensor | None, context: Context, half_window: int
    ) -> Tensor:
        layout = context.layout
        table, mask = layout.global_text_table if context.is_decomposed else layout.global_table
        positions = table.flatten()
        if frozen is None or context.is_decomposed:
            parts = split_qkv(self.qkv(hidden), positions, n_heads=self.n_heads)
            query, key, value, *of_globals = parts
        else:
            # The first layer of a frozen backbone: nothing but the placeholders wants a gradient,
            # and they, being global, are neither keys of the band nor local queries that count.
            query, key, value = self._split_heads(self.qkv(frozen))
            _, *of_globals = self._split_heads(self.qkv(hidden[positions]))
        global_key, global_value = (part.unflatten(0, table.shape) for part in of_globals)
        visible = VisibleKeys(global_key, global_value, mask) if table.numel() else None
        return self._attend(query, key, value, layout.band(half_window), context, visible)

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        band: Band,
        context: Context,
        visible: VisibleKeys | None,
    ) -> Tensor:
        if context.joint_prefix is not None:
            visible = context.joint_prefix.and_also(visible)
        dropout = context.attention_dropout
        mixed = context.attend(query, key, value, band, visible=visible, dropout=dropout)
        if not context.is_decomposed:
            return mixed
        positions = context.layout.placeholder_index
        return _add_prefix_term(mixed, query, band, context, key[positions], value[positions])

    def _global(self, hidden: Tensor, context: Context, read: OutputPositions) -> Tensor:
        (query,) = self._split_heads(self.query_global(hidden[read.index]))
        band = context.whole_rows(read.rows)
        if max(read.rows.lengths) * self.n_heads > 2 * hidden.shape[1]:
            (key,) = self._split_heads(self.key_global(hidden))
            (value,) = self._split_heads(self.value_global(hidden))
            return self._attend(query, key, value, band, context, None)
        mixed = attend_absorbed(
            query,
            hidden,
            self.key_global,
            self.value_global,
            band,
            visible=context.joint_prefix,
            dropout=context.attention_dropout,
        )
        if not context.is_decomposed:
            return mixed
        placeholders = hidden[context.layout.placeholder_index]
        (key,) = self._split_heads(self.key_global(placeholders))
        (value,) = self._split_heads(self.value_global(placeholders))
        return _add_prefix_term(mixed, query, band, context, key, value)

    def _split_heads(self, projected: Tensor) -> tuple[Tensor, ...]:
        return projected.unflatten(1, (-1, self.n_heads, self.head_width)).unbind(1)


def _add_prefix_term(
    mixed: Tensor, query: Tensor, band: Band, context: Context, key: Tensor, value: Tensor
) -> Tensor:
    """`mixed + alpha · kernel_attention(query, K_P, V_P)`.

    The prefix keys are those of the placeholders, `key` and `value` (B · P, H, D), and those the
    method gives. Source: paper, eq. 7-9.
    """
    decomposed, given = context.prefix.decomposed, context.prefix.visible
    assert decomposed is not None
    per_row = (len(band.query_rows), context.layout.n_placeholders)
    keys, values = key.unflatten(0, per_row), value.unflatten(0, per_row)
    if given is not None:
        keys, values = torch.cat([keys, given.key], dim=1), torch.cat([values, given.value], dim=1)
    terms = [
        decomposed.kernel(query[row], keys[number], values[number], context.attention_dropout)
        for number, row in enumerate(band.query_rows)
    ]
    return mixed + decomposed.alpha * torch.cat(terms)
