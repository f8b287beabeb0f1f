"""Words and figures made fit for a terminal."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

_SPARKS = "▁▂▃▄▅▆▇█"


def duration(seconds: float) -> str:
    """Minutes and seconds `14:02`; with hours, if there are any, `3:14:02`."""
    minutes, s = divmod(max(0, round(seconds)), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"


def about(seconds: float) -> str:
    """A time that is known roughly: `about 20 s`, `about 15 min`, `about 3 h`."""
    if seconds < 90:
        return f"about {max(1, round(seconds, -1 if seconds >= 20 else 0)):.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.0f} h"


def age(started: str) -> str:
    """How long ago a time of ISO 8601 is: `12 min ago`; what is no time as it is."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds()
    except (ValueError, TypeError):  # or a time without its zone
        return started
    for unit_s, unit, most in ((1, "s", 90), (60, "min", 90), (3600, "h", 36), (86400, "d", 60)):
        if seconds < most * unit_s:
            return f"{max(0, seconds) // unit_s:.0f} {unit} ago"
    return started[:10]


def sparkline(values: Sequence[float], *, width: int = 24) -> str:
    """The course of some figures, at most so many of their means: `▇▆▄▃▂▂▁`."""
    n = min(width, len(values))
    parts = [values[i * len(values) // n : (i + 1) * len(values) // n] for i in range(n)]
    means = [sum(part) / len(part) for part in parts]
    low, span = min(means, default=0.0), (max(means, default=0.0) - min(means, default=0.0)) or 1.0
    return "".join(_SPARKS[round((mean - low) / span * (len(_SPARKS) - 1))] for mean in means)


def curve(values: Sequence[float]) -> str:
    """A learning curve with the means of its first and last tenth; empty without two values."""
    if len(values) < 2:
        return ""
    tenth = max(1, len(values) // 10)
    first, last = sum(values[:tenth]) / tenth, sum(values[-tenth:]) / tenth
    return f"{sparkline(values)} {first:.3f} to {last:.3f}"


def quantity(value: float) -> str:
    """Three digits and the letter of the thousands: `12.3k`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * unit:
            return f"{value / unit:.1f}{letter}"
    return f"{value:.3g}"


def columns(stream: TextIO) -> int:
    """Return how many columns a terminal has; COLUMNS decides, 80 where nobody knows."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def can_move_cursor() -> bool:
    """Tell whether the kind of this terminal can more than print lines."""
    return os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
