"""A table or figure of the paper as something to print: words and grids, and all of it as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from math import isnan

from prefprop_cli.report.estimates import Estimate
from prefprop_cli.stats.intervals import Interval

NOTHING = "-"


@dataclass(frozen=True)
class Grid:
    """Cells under a header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def filled(self) -> "Grid":
        """The same without the columns in which no row says anything."""
        if not self.rows:
            return self
        columns = zip(self.header, *self.rows, strict=True)
        said = [any(cell != NOTHING for cell in cells) for _, *cells in columns]
        header, *rows = (tuple(compress(row, said)) for row in (self.header, *self.rows))
        return Grid(header, tuple(rows))


@dataclass(frozen=True)
class Heading:
    """Says what follows, within a page."""

    text: str


Block = str | Grid | Heading


@dataclass(frozen=True)
class Unit:
    """How a share is printed: `PERCENT` as 81.8, `SHARE` as 0.042."""

    scale: float
    digits: int

    def show(self, value: float) -> str:
        text = f"{self.scale * value:.{self.digits}f}"
        return text.lstrip("-") if float(text) == 0 else text


PERCENT, SHARE = Unit(100, 1), Unit(1, 3)


@dataclass(frozen=True)
class Page:
    """What a table or figure says.

    Attributes:
        name: `table-2`, `figure-4`.
        title: one line.
        blocks: paragraphs and grids, in order.
        record: the same with every number, as JSON types and dataclasses' dicts.
    """

    name: str
    title: str
    blocks: tuple[Block, ...]
    record: Mapping[str, object]


def markdown(pages: Iterable[Page], *, pictures: Sequence[str] = ()) -> str:
    """The pages as Markdown.

    Args:
        pages: in order.
        pictures: names of pages whose picture lies beside the text as NAME.svg.
    """
    parts = []
    for page in pages:
        parts.append(f"## {_escaped(page.title)}")
        if page.name in pictures:
            parts.append(f"![{_escaped(page.title)}]({page.name}.svg)")
        parts += map(_block, page.blocks)
    return "\n\n".join(parts) + "\n"


def spread(estimate: Estimate, unit: Unit) -> str:
    """Mean ± standard deviation over seeds; of one seed its figure."""
    mean, sd = unit.show(estimate.seeds.mean), estimate.seeds.sd
    return mean if isnan(sd) else f"{mean} ± {unit.show(sd)}"


def between(interval: Interval | None, unit: Unit) -> str:
    """An interval: `[80.3, 83.4]`."""
    if interval is None:
        return NOTHING
    return f"[{unit.show(interval.low)}, {unit.show(interval.high)}]"


def p_value(value: float | None) -> str:
    """A p-value with two digits that matter."""
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _block(block: Block) -> str:
    match block:
        case Grid():
            return _table(block.filled)
        case Heading(text):
            return f"### {_escaped(text)}"
        case _:
            return _escaped(block)


def _table(grid: Grid) -> str:
    rule = ["---"] * len(grid.header)
    rows = [grid.header, rule, *grid.rows]
    return "\n".join(f"| {' | '.join(map(_escaped, row))} |" for row in rows)


def _escaped(text: str) -> str:
    """Text in which no character of a label or path means Markdown."""
    return "".join(f"\\{c}" if c in "\\|*`<" else c for c in " ".join(text.split()))
