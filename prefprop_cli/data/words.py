"""Words that messages about documents share."""

from collections.abc import Sequence

SHOWN = 3


def listed(items: Sequence[str], *, shown: int = SHOWN) -> str:
    """The first items with commas between them, and how many more there are."""
    more = f" and {len(items) - shown:,} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + more
