"""Words that messages share."""

from collections.abc import Sequence

SHOWN = 3


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
