"""JSON as it stands in files: one value, or a value on each line; defects named with their line."""

import json
from collections.abc import Iterable, Iterator
from functools import partial

from prefprop_cli.data.decoding import attempt
from prefprop_cli.errors import DataError

Numbered = Iterator[tuple[int, object | DataError]]
"""Values with the number of their line, or of the item in a list, from 1; or errors in place."""


def parse_json(text: str, *, name: str, line: int = 1) -> object:
    """Parse a JSON text, which begins on that line of its file.

    Raises:
        DataError: it is no JSON, with line and column, or an object has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        place = f"{name}:{line + error.lineno - 1}:{error.colno}"
        raise DataError(f"{place}: not JSON: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{name}:{line}:1: nested too deeply") from None
    except ValueError as error:
        raise DataError(f"{name}:{line}:1: {error}") from None


def each_json_line(lines: Iterable[tuple[int, str | DataError]], *, name: str) -> Numbered:
    """Parse each numbered line that is not blank; one that is no JSON gives the error."""
    for number, line in lines:
        if isinstance(line, DataError):
            yield number, line
        elif line.strip():
            yield number, attempt(partial(parse_json, line, name=name, line=number))


def json_values(text: str, *, name: str) -> tuple[Numbered, bool]:
    """Parse the items of a list, one other value, or JSON lines; tell whether it is lines."""
    first, _, others = text.lstrip().partition("\n")
    if others.strip() and _begins_with_object(first, whole=True):
        return each_json_line(enumerate(text.split("\n"), start=1), name=name), True
    value = parse_json(text, name=name)
    return enumerate(value if isinstance(value, list) else [value], start=1), False


def holds_json_rows(text: str) -> bool:
    """Tell whether a text of unknown kind begins with an object in JSON or a list of them."""
    return _begins_with_object(text.lstrip().removeprefix("[").lstrip(), whole=False)


def _begins_with_object(text: str, *, whole: bool) -> bool:
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not (whole and text[end:].strip())


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("the same key twice in one object")
    return fields
