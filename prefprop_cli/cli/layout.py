"""Prose and tables in the columns of a terminal."""

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len, chop_cells, set_cell_size

from prefprop_cli.words import escape

_GAP = "  "

# An interval and a mean with its deviation stay together; a word may be broken behind a slash, a
# bar, or a hyphen between letters.
_CELL_PIECE = re.compile(
    r"\s+|\[[^\s\]]+, [^\s\]]+\]|[-+.\d]+ ± [.\d]+"
    r"|(?:[^\s/|-]|(?<![^\W\d_])-|-(?![^\W\d_]))+[-/|]?|[-/|]"
)
# A command stays on one line, however long, so that it can be copied.
_PROSE_PIECE = re.compile(r"\s+|`[^`]*`\S*|prefprop [a-z-]+ .*|\S+")


def shortened(names: Sequence[str], longest: int) -> list[str]:
    """Cut names to so many columns of a terminal, so that they are still told from each other.

    Of those that are too long the end is left out, or the middle; else they stay longer.
    """
    names = [escape(name) for name in names]
    for width in range(longest, max(map(cell_len, names), default=0)):
        for end in (0, width // 2):
            found = [name if cell_len(name) <= width else _cut(name, width, end) for name in names]
            if len({*found}) == len({*names}):
                return found
    return names


def prose(text: str, width: int, *, indent: str = "") -> str:
    """Break lines that are too long between words; a longer word or command stays whole."""
    return "\n".join(
        f"\n{indent}".join(_filled(_PROSE_PIECE.findall(line), width - len(indent)))
        if cell_len(line) > width
        else line
        for line in text.split("\n")
    )


def table(
    rows: Iterable[Sequence[str]],
    *,
    header: Sequence[str] = (),
    width: int | None = None,
    n_whole: int = 0,
) -> list[str]:
    """Lay out the lines of a table: columns as wide as their cells, or as the terminal allows.

    Cells that are too wide are wrapped within their column, those of the widest columns first.
    Where even that does not fit, rows and columns change places; or each row becomes a paragraph
    with a line for each of its cells.
    So many of the first columns, `n_whole`, hold what is not to be wrapped, such as names.
    """
    lines = [*([header] if header else []), *rows]
    if not lines:
        return []
    widths = _widths(lines, width, n_whole)
    if widths is None and header and not n_whole and len(lines) <= len(header):
        turned: list[Sequence[str]] = list(zip(*lines, strict=True))
        widths = _widths(turned, width, 1)
        lines = turned if widths else lines
    if widths is None:
        assert width is not None
        body = lines[1:] if header else lines
        return [line for row in body for line in _stacked(row, header, width)]
    return [line for row in lines for line in _row(row, widths)]


def fits(rows: Sequence[Sequence[str]], width: int, *, n_whole: int = 0) -> bool:
    """Tell whether a table, header and all, is no wider than a line, cells wrapped or not."""
    return _widths(rows, width, n_whole) is not None


def _widths(rows: Sequence[Sequence[str]], width: int | None, n_whole: int) -> list[int] | None:
    """Of each column; None if not even their longest words fit beside each other."""
    cells = list(zip(*rows, strict=True))
    widths = [max(map(cell_len, column)) for column in cells]
    if width is None:
        return widths
    least = widths[:n_whole] + [
        max(cell_len(piece) for cell in column for piece in ("", *_CELL_PIECE.findall(cell)))
        for column in cells[n_whole:]
    ]
    room = width - len(_GAP) * (len(widths) - 1)
    if sum(least) > room:
        return None
    while sum(widths) > room:
        widest = max(
            (place for place in range(len(widths)) if widths[place] > least[place]),
            key=widths.__getitem__,
        )
        widths[widest] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        parts = [cell[number] if number < len(cell) else "" for cell in cells]
        padded = (
            part + " " * (width - cell_len(part)) for part, width in zip(parts, widths, strict=True)
        )
        yield _GAP.join(padded).rstrip()


def _stacked(row: Sequence[str], header: Sequence[str], width: int) -> Iterator[str]:
    """The first cell, and below it the others, each behind its heading."""
    yield from _wrapped(row[0], width)
    names = header[1:] or [""] * (len(row) - 1)
    left = min(max(map(cell_len, names), default=0), width // 2)
    right = max(1, width - 2 * len(_GAP) - left)
    for name, cell in zip(names, row[1:], strict=True):
        yield from (_GAP + line for line in _row((name, cell), (left, right)))


def _wrapped(text: str, width: int) -> list[str]:
    """A cell as lines of at most this width."""
    if cell_len(text) <= width:
        return [text]
    pieces = (
        part
        for piece in _CELL_PIECE.findall(text)
        for part in (chop_cells(piece, width) if cell_len(piece) > width else [piece])
    )
    return list(_filled(pieces, width))


def _filled(pieces: Iterable[str], width: int) -> Iterator[str]:
    """Pieces put into lines, as many as fit."""
    line = ""
    for piece in pieces:
        if line.strip() and cell_len(line + piece.rstrip()) > width:
            yield line.rstrip()
            line = piece.lstrip()
        else:
            line += piece
    yield line.rstrip()


def _cut(name: str, width: int, end: int) -> str:
    """A name without its middle, of which the end has so many columns, or without its end."""
    return set_cell_size(name, width - 1 - end) + "…" + set_cell_size(name[::-1], end)[::-1]
