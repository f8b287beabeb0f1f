"""A batch as packed tokens: placeholders and text of each row, one row after another, no padding.

Axes: B rows, S longest row, T packed tokens, G global tokens, V most global tokens of one row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from prefprop_cli.core.attention import Band, Rows


@dataclass(frozen=True)
class Tokens:
    """The texts of a batch, packed."""

    input_ids: Tensor
    """(T,) int64; a negative id -1 - m is marker m of a task, a word of its own."""
    rows: Rows
    is_global: Tensor
    """(T,) bool, always on the CPU: a layout is worked out there."""

    def to(self, device: str | torch.device) -> "Tokens":
        return Tokens(send(self.input_ids, device), self.rows, self.is_global)

    def between(self, first: int, end: int) -> "Tokens":
        """Take the rows from `first` up to `end`, without `end`."""
        offsets = self.rows.offsets
        part = slice(offsets[first], offsets[min(end, len(self.rows))])
        rows = Rows.of_lengths(self.rows.lengths[first:end])
        return Tokens(self.input_ids[part], rows, self.is_global[part])


@dataclass(frozen=True)
class OutputPositions:
    """The only positions somebody reads after the last layer, row by row."""

    index: Tensor
    """(R,) positions in the packed tokens, in the order of the rows."""
    rows: Rows
    """How many of them each row has."""
    all_global: bool


def pack(input_ids: Tensor, attention_mask: Tensor | None, global_mask: Tensor | None) -> Tokens:
    """Take the padding out of a batch; shapes and masks are those of `Encoder.forward`.

    Raises:
        ValueError: the shapes differ, a row is empty, or padding precedes a token.
    """
    shape = input_ids.shape
    attention_mask = torch.ones(shape) if attention_mask is None else attention_mask.cpu()
    is_global = torch.zeros(shape) if global_mask is None else global_mask.cpu()
    attention_mask, is_global = attention_mask.bool(), is_global.bool()
    if not input_ids.ndim == 2 or not shape == attention_mask.shape == is_global.shape:
        raise ValueError(
            f"input_ids {tuple(shape)}, attention_mask {tuple(attention_mask.shape)} and "
            f"global_mask {tuple(is_global.shape)} must have one shape (B, S)"
        )
    lengths = attention_mask.sum(dim=1)
    if (lengths == 0).any() or (attention_mask[:, 1:] & ~attention_mask[:, :-1]).any():
        raise ValueError("attention_mask: each row needs tokens first, then padding")
    positions = send(attention_mask.flatten().nonzero().squeeze(1), input_ids.device)
    rows = Rows.of_lengths(lengths.tolist())
    return Tokens(input_ids.flatten()[positions], rows, is_global[attention_mask])


def send(tensor: Tensor, device: str | torch.device) -> Tensor:
    """Copy a tensor to a device; a copy to a GPU does not wait for what the GPU is doing."""
    return tensor.to(device, non_blocking=torch.device(device).type != "cpu")


def unpack(hidden: Tensor, rows: Rows) -> Tensor:
    """Turn packed (T, W) into padded (B, S, W), zeros at the end of shorter rows."""
    return torch.nn.utils.rnn.pad_sequence([hidden[row] for row in rows], batch_first=True)


@dataclass(frozen=True)
class Layout:
    """Where everything is in the packed tokens of one batch; the same for all its layers.

    It is worked out on the CPU and sent to the device of the tokens, so nothing waits for a GPU.
    """

    rows: Rows
    """Placeholders and text of each row."""
    n_placeholders: int
    """P, at the front of each row."""
    host_is_global: Tensor
    """(T,) bool on the CPU, placeholders included."""
    device: torch.device
    bands: dict[object, Band] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, tokens: Tokens, *, n_placeholders: int) -> "Layout":
        """Lay out these texts with `n_placeholders` positions in front of each."""
        device = tokens.input_ids.device
        if not n_placeholders:
            return cls(tokens.rows, 0, tokens.is_global, device)
        rows = Rows.of_lengths([n_placeholders + length for length in tokens.rows.lengths])
        front = tokens.is_global.new_ones(n_placeholders)
        parts = [part for row in tokens.rows for part in (front, tokens.is_global[row])]
        return cls(rows, n_placeholders, torch.cat(parts), device)

    @cached_property
    def is_global(self) -> Tensor:
        """(T,) bool, placeholders included."""
        return self._send(self.host_is_global)

    @cached_property
    def placeholder_index(self) -> Tensor:
        """(B · P,) positions of the placeholders."""
        starts = self.rows.offsets[:-1]
        index = [start + number for start in starts for number in range(self.n_placeholders)]
        return self._send(torch.tensor(index).long())

    @cached_property
    def text_index(self) -> Tensor:
        """(T - B · P,) positions of the text tokens."""
        return self._send((~self._host_is_placeholder).nonzero().squeeze(1))

    @cached_property
    def positions(self) -> Tensor:
        """(T,) of each token in its own row, from 0."""
        return self._send(self._host_positions)

    @cached_property
    def is_placeholder(self) -> Tensor:
        """(T,) bool."""
        return self._send(self._host_is_placeholder)

    @cached_property
    def globals(self) -> OutputPositions:
        """The global tokens, placeholders included."""
        counts = [int(self.host_is_global[row].sum()) for row in self.rows]
        index = self.host_is_global.nonzero().squeeze(1)
        return OutputPositions(self._send(index), Rows.of_lengths(counts), all_global=True)

    @cached_property
    def global_table(self) -> tuple[Tensor, Tensor | None]:
        """Positions of each row's global tokens (B, V), and a mask (B, V).

        It is False in the gaps behind shorter rows; None where there are none.
        """
        return self._table(self.host_is_global)

    @cached_property
    def global_text_table(self) -> tuple[Tensor, Tensor | None]:
        """The same without the placeholders, for the decomposed form."""
        return self._table(self.host_is_global & ~self._host_is_placeholder)

    def one_per_row(self, position: int) -> OutputPositions:
        """Take the same position of each row; 0 is the first placeholder, if there is one."""
        return self.output_positions([(position,)] * len(self.rows))

    def output_positions(self, positions: Sequence[Sequence[int]]) -> OutputPositions:
        """Take the positions `positions[b]` of each row b, counted with the placeholders."""
        pairs = zip(self.rows.offsets[:-1], positions, strict=True)
        index = torch.tensor([start + position for start, row in pairs for position in row]).long()
        all_global = bool(self.host_is_global[index].all())
        return OutputPositions(
            self._send(index), Rows.of_lengths([*map(len, positions)]), all_global
        )

    def band(self, half_window: int) -> Band:
        """Return the band of a window; the same object each time, for what it derives.

        Global keys are not in it, so that one inside the window is not seen twice.
        """
        return self._keep(Band(self.rows, self.rows, half_window, unseen=self.is_global))

    def whole_rows(self, query_rows: Rows, *, sees_placeholders: bool = True) -> Band:
        """Return the band of queries that see their whole row; the same object each time."""
        unseen = None if sees_placeholders else self.is_placeholder
        return self._keep(Band(query_rows, self.rows, unseen=unseen))

    def _keep(self, band: Band) -> Band:
        name = (band.query_rows, band.half_window, band.unseen is self.is_placeholder)
        return self.bands.setdefault(name, band)

    @cached_property
    def _host_positions(self) -> Tensor:
        return torch.cat([torch.arange(length) for length in self.rows.lengths])

    @cached_property
    def _host_is_placeholder(self) -> Tensor:
        return self._host_positions < self.n_placeholders

    def _table(self, chosen: Tensor) -> tuple[Tensor, Tensor | None]:
        positions = [chosen[row].nonzero().squeeze(1) + row.start for row in self.rows]
        table = torch.nn.utils.rnn.pad_sequence(positions, batch_first=True, padding_value=-1)
        mask = table >= 0
        return self._send(table.clamp_min(0)), None if mask.all() else self._send(mask)

    def _send(self, tensor: Tensor) -> Tensor:
        return send(tensor, self.device)
