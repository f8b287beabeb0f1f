"""Charts as SVG inside a page, in the page's own colours: no library, nothing to load.

A chart is what to draw, in the units of its axes; `templates/chart.svg.j2` writes it and
`templates/page.css` says how each look is drawn, by day and by night.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import ClassVar

Point = tuple[float, float]
Shape = Sequence[Point]


@dataclass(frozen=True)
class Mark:
    """Shapes that look the same."""

    look: str
    """Classes of the style sheet: the kind (`line`, `dot`, `bar`, `whisker`) first."""
    shapes: Sequence[Shape]
    """Corners of each; a single one is a dot."""
    name: str = ""
    """In the legend; empty for none."""

    @property
    def kind(self) -> str:
        return self.look.split()[0]


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, with about so many ticks."""

    low: float
    high: float
    n_ticks: int = 5
    label: str = ""

    def share(self, value: float) -> float:
        """Return where a value lies: 0 at the low end, 1 at the high one."""
        return (value - self.low) / (self.high - self.low or 1.0)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Round values between the ends, and how they are written."""
        size = (self.high - self.low) / self.n_ticks or 1.0
        power = 10.0 ** floor(log10(size))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= size * 0.999)
        digits = max(0, -floor(log10(step) + 1e-9))
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [(place * step, f"{place * step:,.{digits}f}") for place in range(first, last + 1)]


@dataclass(frozen=True)
class Chart:
    """Marks over a pair of axes, the first below the others.

    Lengths are in units of the drawing, about a pixel each on a telephone.
    """

    width: ClassVar[int] = 360
    left: ClassVar[int] = 42
    right: ClassVar[int] = 348
    top: ClassVar[int] = 8

    x: Axis
    y: Axis
    marks: Sequence[Mark]
    height: int = 200

    @property
    def bottom(self) -> int:
        """Where the horizontal axis lies."""
        return self.height - (34 if self.x.label else 20)

    def path(self, mark: Mark) -> str:
        """Return the shapes of a mark as the `d` of an SVG path."""
        return "".join(map(self._shape, mark.shapes))

    def across(self, value: float) -> float:
        """Return units from the left edge."""
        return round(self.left + (self.right - self.left) * self.x.share(value), 1)

    def down(self, value: float) -> float:
        """Return units from the upper edge."""
        return round(self.bottom - (self.bottom - self.top) * self.y.share(value), 1)

    def _shape(self, corners: Shape) -> str:
        steps = [f"{self.across(x):g} {self.down(y):g}" for x, y in corners]
        return f"M{'L'.join(steps)}{'' if steps[1:] else 'h0'}"


@dataclass(frozen=True)
class Picture:
    """One chart, or several over one horizontal axis, from top to bottom, with a legend."""

    title: str
    charts: Sequence[Chart]
    alt: str
    """What it shows, for those who do not see it."""
    note: str = ""
    """Lines under the title."""

    @property
    def legend(self) -> list[Mark]:
        """A mark for each name."""
        named = {m.name: m for chart in self.charts for m in chart.marks if m.name and m.shapes}
        return list(named.values())


def bars(
    left: Iterable[float], right: Iterable[float], low: Iterable[float], high: Iterable[float]
) -> list[Shape]:
    """Return rectangles."""
    return [
        ((x0, y0), (x0, y1), (x1, y1), (x1, y0))
        for x0, x1, y0, y1 in zip(left, right, low, high, strict=True)
    ]
