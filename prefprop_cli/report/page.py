"""What a report says: a page of words, grids and perhaps a picture, and every number as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from math import isnan
from typing import TYPE_CHECKING, TypeVar

from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.seeds import Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTHING = "-"
T = TypeVar("T")


@dataclass(frozen=True)
class Grid:
    """Cells under a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, items: Iterable[T], *columns: tuple[str, Callable[[T], str]]) -> Grid:
        """Make a row of each item; a column is its name and what it shows of an item."""
        header = tuple(name for name, _ in columns)
        return cls(header, tuple(tuple(cell(each) for _, cell in columns) for each in items))

    @property
    def filled(self) -> Grid:
        """The same without the columns in which no row says anything."""
        if not self.rows:
            return self
        columns = zip(self.header, *self.rows, strict=True)
        is_filled = [any(cell != NOTHING for cell in cells) for _, *cells in columns]
        header, *rows = (tuple(compress(row, is_filled)) for row in (self.header, *self.rows))
        return Grid(header, tuple(rows))


@dataclass(frozen=True)
class Heading:
    """A line that says what follows, within a page."""

    text: str


Block = str | Grid | Heading


@dataclass(frozen=True)
class Page:
    """A table, figure or comparison: `str()` gives Markdown, `record` is for JSON.

    `html.html_page` makes an HTML file of pages.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
    record: Mapping[str, object]
    """Every number, as JSON types."""
    draw: Callable[[], Figure] | None = None
    """Makes the picture of a figure; needs matplotlib."""

    def __str__(self) -> str:
        return markdown([self])

    @property
    def filled(self) -> Page:
        """The same, as it is shown: without columns in which no row says anything."""
        blocks = (block.filled if isinstance(block, Grid) else block for block in self.blocks)
        return replace(self, blocks=tuple(blocks))


def markdown(pages: Iterable[Page], *, pictures: Sequence[str] = ()) -> str:
    """Write pages as Markdown; `pictures` names those whose picture lies beside it as NAME.svg."""
    parts = []
    for page in pages:
        parts.append(f"## {_escaped(page.title)}")
        if page.name in pictures:
            parts.append(f"![{_escaped(page.title)}]({page.name}.svg)")
        parts += map(_block, page.filled.blocks)
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Grid():
            rows = [block.header, ["---"] * len(block.header), *block.rows]
            return "\n".join(f"| {' | '.join(map(_escaped, row))} |" for row in rows)
        case Heading(text):
            return f"### {_escaped(text)}"
        case _:
            return _escaped(block)


def _escaped(text: str) -> str:
    """Text in which no character of a label or path means Markdown."""
    return "".join(f"\\{c}" if c in "\\|*`<" else c for c in " ".join(text.split()))


@dataclass(frozen=True)
class Unit:
    """How a share is printed: `PERCENT` as 81.8, `SHARE` as 0.042."""

    scale: float
    digits: int

    def show(self, value: float | None) -> str:
        """Print a share; one that there is not is a dash."""
        if value is None or isnan(value):
            return NOTHING
        text = f"{self.scale * value:.{self.digits}f}"
        return text.lstrip("-") if float(text) == 0 else text

    def spread(self, summary: Summary) -> str:
        """Print mean ± standard deviation over seeds; of one seed its figure."""
        mean = self.show(summary.mean)
        return mean if isnan(summary.sd) else f"{mean} ± {self.show(summary.sd)}"

    def between(self, interval: Interval | None) -> str:
        """Print an interval: `[80.3, 83.4]`."""
        if interval is None:
            return NOTHING
        return f"[{self.show(interval.low)}, {self.show(interval.high)}]"


PERCENT, SHARE = Unit(100, 1), Unit(1, 3)


def p_value(value: float | None) -> str:
    """Print a p-value with two digits that matter."""
    if value is None or isnan(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def missing_intervals(
    whys: Iterable[tuple[str, str]], *, of: str = "{}", comma: str = ", "
) -> Iterator[str]:
    """Say of which metrics or variants there is no interval, those with one reason together.

    `whys` are names and reasons, empty where there is an interval; `of` is what the names stand
    in, with `{}` for them, and `comma` between them.
    """
    pairs = list(whys)
    for why in dict.fromkeys(why for _, why in pairs if why):
        names = comma.join(name for name, its in pairs if its == why)
        yield f"No interval for {of.format(names)}: {why}."
