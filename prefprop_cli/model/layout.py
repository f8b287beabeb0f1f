"""A batch as packed tokens: placeholders and text of each row, one row after another, no padding.

Axes: B rows, S longest row, T packed tokens, G global tokens, V most global tokens of one row.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from prefprop_cli.attention import Band, Rows


@dataclass(frozen=True)
class Tokens:
    """The texts of a batch, packed.

    Args:
        input_ids: (T,) int64.
        rows: where each text lies.
        is_global: (T,) bool.
    """

    input_ids: Tensor
    rows: Rows
    is_global: Tensor

    def to(self, device: str | torch.device) -> "Tokens":
        return Tokens(self.input_ids.to(device), self.rows, self.is_global.to(device))


@dataclass(frozen=True)
class Read:
    """The only positions somebody reads after the last layer, row by row.

    Args:
        index: (R,) places in the packed tokens, in the order of the rows.
        rows: how many of them each row has.
    """

    index: Tensor
    rows: Rows


def pack(input_ids: Tensor, key_mask: Tensor | None, global_mask: Tensor | None) -> Tokens:
    """Take the padding out of a padded batch.

    Args:
        input_ids: (B, S) int64.
        key_mask: (B, S) bool, False for padding, which stands at the end of a row.
        global_mask: (B, S) bool, True for global tokens.

    Raises:
        ValueError: the shapes differ, a row is empty, or padding precedes a token.
    """
    if key_mask is None:
        key_mask = torch.ones_like(input_ids, dtype=torch.bool)
    if global_mask is None:
        global_mask = torch.zeros_like(input_ids, dtype=torch.bool)
    key_mask, global_mask = key_mask.bool(), global_mask.bool()
    if not input_ids.ndim == 2 or not input_ids.shape == key_mask.shape == global_mask.shape:
        raise ValueError(
            f"input_ids {tuple(input_ids.shape)}, key_mask {tuple(key_mask.shape)} and global_mask "
            f"{tuple(global_mask.shape)} must have one shape (B, S)"
        )
    lengths = key_mask.sum(dim=1)
    if (lengths == 0).any() or (key_mask[:, 1:] & ~key_mask[:, :-1]).any():
        raise ValueError("key_mask: each row needs tokens first, then padding")
    return Tokens(input_ids[key_mask], Rows.of_lengths(lengths.tolist()), global_mask[key_mask])


def unpack(hidden: Tensor, rows: Rows) -> Tensor:
    """Packed (T, W) as padded (B, S, W), zeros at the end of shorter rows."""
    return torch.nn.utils.rnn.pad_sequence([hidden[row] for row in rows], batch_first=True)


@dataclass(frozen=True)
class Layout:
    """Where everything is in the packed tokens of one batch; the same for all its layers.

    Args:
        rows: placeholders and text of each row.
        n_placeholders: P, at the front of each row.
        is_global: (T,) bool, placeholders included.
    """

    rows: Rows
    n_placeholders: int
    is_global: Tensor

    @classmethod
    def of(cls, tokens: Tokens, *, n_placeholders: int) -> "Layout":
        """The layout of these texts with `n_placeholders` positions in front of each."""
        if not n_placeholders:
            return cls(tokens.rows, 0, tokens.is_global)
        rows = Rows.of_lengths([n_placeholders + length for length in tokens.rows.lengths])
        front = tokens.is_global.new_ones(n_placeholders)
        parts = [part for row in tokens.rows for part in (front, tokens.is_global[row])]
        return cls(rows, n_placeholders, torch.cat(parts))

    @cached_property
    def placeholder_index(self) -> Tensor:
        """(B · P,) places of the placeholders."""
        return self._places(range(self.n_placeholders))

    @cached_property
    def text_index(self) -> Tensor:
        """(T - B · P,) places of the text tokens."""
        is_text = torch.ones_like(self.is_global)
        is_text[self.placeholder_index] = False
        return is_text.nonzero().squeeze(1)

    @cached_property
    def positions(self) -> Tensor:
        """(T,) place of each token in its own row, from 0."""
        return torch.cat(
            [torch.arange(length, device=self.is_global.device) for length in self.rows.lengths]
        )

    @cached_property
    def is_placeholder(self) -> Tensor:
        """(T,) bool."""
        return self.positions < self.n_placeholders

    @cached_property
    def globals(self) -> Read:
        """The global tokens, placeholders included."""
        counts = [int(self.is_global[row].sum()) for row in self.rows]
        return Read(self.is_global.nonzero().squeeze(1), Rows.of_lengths(counts))

    @cached_property
    def global_table(self) -> tuple[Tensor, Tensor | None]:
        """Places of each row's global tokens (B, V), and a mask (B, V); see `_table`."""
        return self._table(self.is_global)

    @cached_property
    def global_text_table(self) -> tuple[Tensor, Tensor | None]:
        """The same without the placeholders, for the decomposed form."""
        return self._table(self.is_global & ~self.is_placeholder)

    def band(self, half_window: int) -> Band:
        """The band of a window of that half; the same object each time, for what it derives.

        Global keys are not in it, so that one inside the window is not seen twice.
        """
        if half_window not in self._bands:
            band = Band(self.rows, self.rows, half_window, unseen=self.is_global)
            self._bands[half_window] = band
        return self._bands[half_window]

    @cached_property
    def _bands(self) -> dict[int, Band]:
        return {}

    def one_per_row(self, place: int) -> Read:
        """Position `place` of each row; place 0 is the first placeholder, if there is one."""
        return Read(self._places([place]), Rows.of_lengths([1] * len(self.rows)))

    def _table(self, chosen: Tensor) -> tuple[Tensor, Tensor | None]:
        """The chosen tokens of each row side by side.

        Args:
            chosen: (T,) bool.

        Returns:
            Places (B, V) and a mask (B, V) that is False in the gaps; None where there are none.
        """
        places = [chosen[row].nonzero().squeeze(1) + row.start for row in self.rows]
        table = torch.nn.utils.rnn.pad_sequence(places, batch_first=True, padding_value=-1)
        mask = table >= 0
        return table.clamp_min(0), None if mask.all() else mask

    def _places(self, places: Collection[int]) -> Tensor:
        starts = self.rows.offsets[:-1]
        index = [start + place for start in starts for place in places]
        return torch.tensor(index, dtype=torch.int64, device=self.is_global.device)
