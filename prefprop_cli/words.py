"""Words that messages share."""

import unicodedata
from collections.abc import Sequence

SHOWN = 3
_JOINERS = "\u200c\u200d"  # part of words in Persian and Hindi, and of emoji


def listed(items: Sequence[str], *, shown: int = SHOWN) -> str:
    """Join the first items with commas, and say how many more there are."""
    more = f" and {len(items) - shown:,} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + more


def shortened(text: str, *, length: int = 40) -> str:
    """Return a text that fits into a message: its beginning, where it is longer than that."""
    return text if len(text) <= length else text[: length - 1] + "…"


def plural(count: int, noun: str) -> str:
    """Return a count and its noun: `1 error`, `2 errors`."""
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def quoted(text: str, *, length: int = 40) -> str:
    """Return what a file holds, a name or a cell, as a message shows it: in quotes, cut."""
    return repr(shortened(text, length=length))


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def size(n_bytes: int) -> str:
    """Bytes in the largest unit they fill: `1.5 GiB`."""
    value, units = float(n_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.4g} {units[0]}"


def escape(text: str, *, keep: str = "") -> str:
    r"""Spell out what a terminal would obey, `\x1b`, `\n` and the like, but for what is to stay."""
    if text.isprintable():
        return text
    return "".join(
        c if _is_harmless(c) or c in keep else c.encode("unicode_escape").decode() for c in text
    )


def _is_harmless(character: str) -> bool:
    is_space = unicodedata.category(character) == "Zs"
    return character.isprintable() or is_space or character in _JOINERS
