"""The keys of the configuration as its schema documents them, read without importing pydantic.

TAB asks for them, and pydantic alone would take most of the time that it has.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import get_args

from prefprop_cli import tables

_SCHEMA = Path(__file__).with_name("schema.py")


@dataclass(frozen=True)
class Key:
    """A key of a table."""

    owner: str
    """The model in the schema, e.g. `TrainTable`."""
    name: str
    path: str
    """As `-s` takes it, e.g. `train.lr`; the name for a model that is no table of `Config`."""
    values: tuple[str, ...]
    """All there are, where they are few: names, or true and false."""
    default: str
    """As TOML; empty if it is unset."""
    meaning: str
    """One or a few sentences; may be empty."""


@cache
def documented_keys() -> tuple[Key, ...]:
    """Return every key, in the order of the schema; the tables of `Config` among them."""
    module = ast.parse(_SCHEMA.read_bytes())
    bodies = {node.name: node.body for node in module.body if isinstance(node, ast.ClassDef)}
    homes = {
        node.id: ast.unparse(field.target)
        for field in bodies["Config"]
        if isinstance(field, ast.AnnAssign)
        for node in ast.walk(field.annotation)
        if isinstance(node, ast.Name)
    }
    return tuple(
        _key(model, homes.get(model), field, below)
        for model, body in bodies.items()
        for field, below in pairwise([*body, None])
        if isinstance(field, ast.AnnAssign)
    )


def _key(model: str, table: str | None, field: ast.AnnAssign, below: ast.stmt | None) -> Key:
    name = ast.unparse(field.target)
    meaning = ""
    match below:
        case ast.Expr(value=ast.Constant(value=str(text))):
            meaning = " ".join(text.split())
    default = ""
    match field.value:
        case ast.Constant(value=value) if value is not None:
            default = str(value).lower() if isinstance(value, bool) else str(value)
    path = f"{table}.{name}" if table else name
    return Key(model, name, path, tuple(_values(field.annotation)), default, meaning)


def _values(annotation: ast.expr) -> Iterator[str]:
    for node in ast.walk(annotation):
        match node:
            case ast.Attribute(value=ast.Name(id="tables"), attr=name):
                yield from get_args(getattr(tables, name)) or getattr(tables, name)
            case ast.List(elts=[ast.Constant(value=name), _]):  # beside those of a table
                yield str(name)
            case ast.Subscript(value=ast.Name(id="Literal")):
                yield from ast.literal_eval(node.slice)
            case ast.Name(id="bool"):
                yield from ("true", "false")
