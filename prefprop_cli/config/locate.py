"""Line and column of each key of a TOML document.

A TOML parser gives positions for syntax errors only; a key that is valid TOML and still wrong is
found here. The document is cut into statements at the line ends outside strings and brackets, and
each statement is read by the parser on its own.
"""

import re
from collections.abc import Iterator

import tomli

KeyPath = tuple[str, ...]
Position = tuple[int, int]

_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[\[{\]}\n]''',
    re.DOTALL,
)


def key_positions(text: str) -> dict[KeyPath, Position]:
    """Return line and column (from 1) of tables and keys, two levels deep, of a valid document."""
    positions: dict[KeyPath, Position] = {}
    table: KeyPath = ()
    for line, statement in _statements(text):
        values = tomli.loads(statement)
        is_header = statement.lstrip().startswith("[")
        prefix = () if is_header else table
        for path in _paths(values, prefix):
            positions.setdefault(path, _position(path[-1], statement, line))
        if is_header:
            table = _header(values)
    return positions


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line on which each statement starts, and the statement."""
    depth, start, line = 0, 0, 1
    for token in _TOKEN.finditer(text + "\n"):
        match token[0]:
            case "[" | "{":
                depth += 1
            case "]" | "}":
                depth -= 1
            case "\n" if depth == 0:
                statement = text[start : token.end()]
                yield line, statement
                line += statement.count("\n")
                start = token.end()


def _paths(values: dict[str, object], prefix: KeyPath) -> Iterator[KeyPath]:
    for key, value in values.items():
        path = (*prefix, key)
        yield path[:2]
        if isinstance(value, dict) and len(path) < 2:
            yield from _paths(value, path)


def _header(values: dict[str, object]) -> KeyPath:
    path: KeyPath = ()
    inner: object = values
    while isinstance(inner, dict) and inner:
        key, inner = next(iter(inner.items()))
        path = (*path, key)
    return path


def _position(key: str, statement: str, line: int) -> Position:
    found = re.search(rf"""(?<![\w-])["']?{re.escape(key)}["']?\s*[=.\]]""", statement)
    offset = found.start() if found else len(statement) - len(statement.lstrip())
    before = statement[:offset]
    return line + before.count("\n"), offset - before.rfind("\n")
