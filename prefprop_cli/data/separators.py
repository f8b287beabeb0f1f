"""What stands between the fields of a .csv file: found out, since many programs write others."""

import csv
from collections.abc import Sequence

SEPARATORS = ",;\t|"
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


def separator_of(lines: Sequence[str], *, whole: bool) -> str:
    """The separator with which the first lines of a table make rows as long as its header.

    Each is tried with the parser that reads the file, so that separators and line ends inside of
    quotes do not count. Of two that do equally well the one with more columns is it.

    Args:
        lines: the first lines, with their line ends.
        whole: whether there are no more.

    Returns:
        A comma where none parts the header.
    """
    found = {sign: _fit(lines, sign, whole=whole) for sign in SEPARATORS}
    return max(found, key=lambda sign: found[sign])


def _fit(lines: Sequence[str], separator: str, *, whole: bool) -> tuple[float, int]:
    """(share of rows with as many fields as the header, fields of the header); 0 if it has one."""
    try:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        return 0.0, 0
    header, *others = rows or [[]]
    if len(header) < 2:
        return 0.0, 0
    if not whole:
        others = others[:-1]  # may be cut
    as_long = sum(len(row) == len(header) for row in others)
    return (as_long / len(others) if others else 1.0), len(header)
