"""What a row has in a column, whose name may be typed otherwise than the file has it.

And how a value is written where rows are copied.
"""

import json
from base64 import b64encode
from collections.abc import Collection, Mapping
from datetime import date, time
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite, isnan

from prefprop_cli.data.decoding import clean
from prefprop_cli.errors import DataError
from prefprop_cli.tables import Errors
from prefprop_cli.words import listed, quoted

Fields = Mapping[str, object]
"""Column -> value of one row."""
QUESTION = {"query", "candidates", "supports"}
LONGEST_NAME = 80
"""Characters; what is longer, or has several lines, is no name of a column but a cell."""
_SHOWN = 12


def matching(column: str, names: Collection[str]) -> str | None:
    """Return the name that is meant: the same, or the only one that differs in case alone."""
    if column in names:
        return column
    found = [name for name in names if folded(name) == folded(column)]
    return found[0] if len(found) == 1 else None


def folded(name: str) -> str:
    """Return a name as it is compared with others."""
    return name.strip().casefold()


def flag(option: str, name: str) -> str:
    """Return what to type so that a column of that name is read: `--text-column body`."""
    plain = name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    typed = name if plain and not name.startswith("-") else "'" + name.replace("'", "'\\''") + "'"
    return f"--{option.replace('_', '-')} {typed}"


def is_cell(name: str) -> bool:
    """Tell whether a name in the header is none, but belongs to a row."""
    return len(name) > LONGEST_NAME or "\n" in name


def is_missing(value: object) -> bool:
    """Tell whether a cell holds nothing: null, a blank text, or the NaN of gaps in tables."""
    if isinstance(value, float):
        return isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def text_of(fields: Fields, column: str, *, where: str, errors: Errors) -> str:
    """Return the text in a column.

    Raises:
        DataError: there is no such column, or it holds no text.
    """
    value = _value(fields, column, option="text_column", where=where)
    if not isinstance(value, str):
        raise DataError(f"{where}: {column!r} is {_kind(value)}, not a text")
    return clean(value, where=where, errors=errors)


def label_of(
    fields: Fields,
    column: str,
    *,
    where: str,
    option: str = "label_column",
    as_written: bool = False,
) -> str:
    """Return the label (or the group) in a column: a text, a number, true or false.

    A whole number is written as one whatever its type: whole numbers become floats where a table
    has gaps. White space around a text is left out, unless it is wanted as written.

    Raises:
        DataError: there is no such column, or it is empty or of another kind.
    """
    value = _value(fields, column, option=option, where=where)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | Decimal) and isfinite(value):
        return str(int(value) if value == int(value) else value)
    if not isinstance(value, str | int) or not str(value).strip():
        raise DataError(f"{where}: {column!r} is {_kind(value)}; labels are text or numbers")
    text = str(value) if as_written else str(value).strip()
    return clean(text, where=where, errors="strict")


def _value(fields: Fields, column: str, *, option: str, where: str) -> object:
    found = matching(column, fields)
    if found is None:
        raise missing_column(column, fields, option=option, where=where)
    return fields[found]


def _kind(value: object) -> str:
    return "empty" if value is None or value == "" else f"of type {type(value).__name__}"


def missing_column(
    column: str, names: Collection[str], *, option: str, where: str, meant: str | None = None
) -> DataError:
    """Make the error that there is no such column, with what to type.

    `option` is the key of `[data]` that names the column, `meant` is what is probably meant; by
    default the name that is spelled nearest.
    """
    if {*names} >= QUESTION:
        return DataError(
            f"{where}: a question with candidates, where a text is needed. Only runs with "
            'data.set = "wikihop" answer it'
        )
    found = listed([*map(quoted, names)], shown=_SHOWN) or "none"
    known = {folded(name): name for name in names if not is_cell(name)}
    near = get_close_matches(folded(column), list(known), n=1, cutoff=0.7)
    nearest = meant or (known[near[0]] if near else None)
    if option == "group_column":
        advice = f"Set data.{option}"
    elif nearest:
        advice = f"Did you mean {quoted(nearest)}? {flag(option, nearest)}"
    else:
        advice = f"Name one with {flag(option, 'NAME')}, or data.{option} in a preset"
    return DataError(f"{where}: no column {quoted(column)}; found {found}. {advice}")


def as_text(value: object) -> str:
    """Write a value of a table as a cell of a .csv file; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | list | dict):
        return as_json(value)
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def encoded(text: str) -> bytes:
    r"""Encode a text; half of a surrogate pair, or a byte that is no text, becomes `\udXXX`."""
    return text.encode("utf-8", "backslashreplace")


def as_json(value: object) -> str:
    """Write a value of a table, or a whole row, as JSON."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=as_text)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=as_text)


def _finite(value: object) -> object:
    """Put null for NaN and infinity, which JSON has no words for."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
