"""Names of columns: as they were typed and as a file has them."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from prefprop_cli.errors import DataError
from prefprop_cli.words import listed, quoted

LONGEST_NAME = 80
"""Characters; what is longer, or has several lines, is no name of a column but a cell."""
SHOWN = 12


def matching(column: str, names: Iterable[str]) -> str | None:
    """The name that is meant by `column`: the same, or the only one that differs in case alone."""
    names = list(names)
    if column in names:
        return column
    found = [name for name in names if _folded(name) == _folded(column)]
    return found[0] if len(found) == 1 else None


def missing_column(
    column: str, names: Sequence[str], *, option: str, where: str, meant: str | None = None
) -> DataError:
    """The error that there is no such column, with what to type.

    Args:
        column: as asked for.
        names: what there is.
        option: the key of `[data]` that names the column.
        where: the file, for the message.
        meant: what is probably meant; by default the name that is spelled nearest.
    """
    found = listed([*map(quoted, names)], shown=SHOWN) or "none"
    nearest = meant or _nearest(column, names)
    if option == "group_column":
        advice = f"Set data.{option}"
    elif nearest:
        advice = f"Did you mean {quoted(nearest)}? {flag(option, nearest)}"
    else:
        advice = f"Name one with {flag(option, 'NAME')}, or data.{option} in a preset"
    return DataError(f"{where}: no column {quoted(column)}; found {found}. {advice}")


def flag(option: str, name: str) -> str:
    """What to type so that a column of that name is read: `--text-column body`."""
    plain = name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    typed = name if plain and not name.startswith("-") else "'" + name.replace("'", "'\\''") + "'"
    return f"--{option.replace('_', '-')} {typed}"


def is_cell(name: str) -> bool:
    """Whether a name in the header is none, but belongs to a row."""
    return len(name) > LONGEST_NAME or "\n" in name


def _folded(name: str) -> str:
    return name.strip().casefold()


def _nearest(column: str, names: Sequence[str]) -> str | None:
    folded = {_folded(name): name for name in names if not is_cell(name)}
    found = get_close_matches(_folded(column), list(folded), n=1, cutoff=0.7)
    return folded[found[0]] if found else None
