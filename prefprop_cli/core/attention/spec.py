"""What an attention backend is given: packed rows, the band of keys a query sees, visible keys.

Axes: B rows, T packed tokens, S tokens of one row, H heads, D head width, V visible keys.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Where each row lies in packed tokens: row b is tokens `offsets[b]:offsets[b + 1]`."""

    offsets: tuple[int, ...]

    @classmethod
    def of_lengths(cls, lengths: Sequence[int]) -> "Rows":
        return cls(tuple(accumulate(lengths, initial=0)))

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        return tuple(end - start for start, end in pairwise(self.offsets))

    @property
    def n_tokens(self) -> int:
        return self.offsets[-1]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __iter__(self) -> Iterator[slice]:
        return (slice(start, end) for start, end in pairwise(self.offsets))


@dataclass(frozen=True)
class Band:
    """Which keys of its own row a query sees.

    Query i sees key j of the same row if |i - j| <= half_window and j is not in `unseen`. Without
    a window it sees every key of the row that is not in `unseen`, and the queries need not be the
    tokens that give the keys.
    """

    query_rows: Rows
    key_rows: Rows
    """As many, and the same ones where there is a window."""
    half_window: int | None = None
    """Tokens on one side; None for the whole row."""
    unseen: Tensor | None = None
    """(T,) bool."""
    derived: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What a backend works out of the band, see `once`."""

    def __post_init__(self) -> None:
        if self.half_window is not None and self.query_rows != self.key_rows:
            raise ValueError("a band with a window needs the queries and keys of the same tokens")
        if len(self.query_rows) != len(self.key_rows):
            raise ValueError(f"{len(self.query_rows)} query rows, {len(self.key_rows)} key rows")

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Make what a backend derives from the band, or find it again in the next layer."""
        if name not in self.derived:
            self.derived[name] = make()
        return self.derived[name]


@dataclass(frozen=True)
class VisibleKeys:
    """Keys and values (B, V, H, D) that every query of a row sees beside its band, jointly."""

    key: Tensor
    value: Tensor
    mask: Tensor | None = None
    """(B, V) bool, False where a shorter row has no such key; None if all are there."""

    def and_also(self, other: "VisibleKeys | None") -> "VisibleKeys":
        """Put both sets of keys side by side."""
        if other is None:
            return self
        mask = None
        if self.mask is not None or other.mask is not None:
            mask = torch.cat([self.full_mask(), other.full_mask()], dim=1)
        return VisibleKeys(
            key=torch.cat([self.key, other.key], dim=1),
            value=torch.cat([self.value, other.value], dim=1),
            mask=mask,
        )

    def of_row(self, row: int) -> "VisibleKeys":
        """Take those of one row; (1, V, H, D)."""
        only = slice(row, row + 1)
        mask = None if self.mask is None else self.mask[only]
        return VisibleKeys(self.key[only], self.value[only], mask)

    def full_mask(self) -> Tensor:
        """Return the mask, written out where it is None; (B, V) bool."""
        if self.mask is not None:
            return self.mask
        return torch.ones(self.key.shape[:2], dtype=torch.bool, device=self.key.device)


class Attend(Protocol):
    """Softmax attention of packed queries over the keys of their band and the visible keys."""

    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        band: Band,
        *,
        visible: VisibleKeys | None = None,
        dropout: float = 0.0,
    ) -> Tensor:
        """Attend with queries (T_q, H, D), not scaled, to keys and values (T, H, D).

        `dropout` is the probability with which an attention weight is dropped.

        Returns:
            (T_q, H, D), dtype of `value`. A query that sees no key gets numbers nobody reads.
        """


@dataclass(frozen=True)
class Backend:
    """One way to compute `Attend`, and what it can do."""

    name: str
    summary: str
    attend: Callable[..., Tensor]
    devices: tuple[str, ...]
    """Device types it runs on."""
    dropout: bool
    backward: bool
    forward_on: tuple[str, ...] = ()
    """More device types, for tests: no backward pass, never chosen by `auto`."""
    why_not: Callable[[], str] = lambda: ""
    """Why it cannot be used on this machine; empty if it can."""
