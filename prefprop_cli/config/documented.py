"""The keys of the configuration as its schema documents them, read without importing pydantic."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_SCHEMA = Path(__file__).with_name("schema.py")


@dataclass(frozen=True)
class Key:
    """A key of a table.

    Attributes:
        owner: the model in the schema, e.g. `TrainTable`.
        name: of the key, e.g. `lr`.
        path: as `-s` takes it, e.g. `train.lr`; the name for a model that is no table of `Config`.
        values: all there are, where they are few: names, or true and false.
        default: as TOML; empty if it is unset.
        meaning: one or a few sentences; may be empty.
    """

    owner: str
    name: str
    path: str
    values: tuple[str, ...]
    default: str
    meaning: str


@cache
def documented_keys() -> tuple[Key, ...]:
    """Every key, in the order of the schema; the tables of `Config` among them."""
    module = ast.parse(_SCHEMA.read_bytes())
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    tables = {
        name: _name(field)
        for model in classes
        if model.name == "Config"
        for field, _ in _fields(model)
        for name in _names(field.annotation)
    }
    return tuple(
        _key(model.name, tables.get(model.name), field, meaning)
        for model in classes
        for field, meaning in _fields(model)
    )


def _fields(model: ast.ClassDef) -> Iterator[tuple[ast.AnnAssign, str]]:
    """The fields of a model, each with the text below it."""
    for field, below in zip(model.body, [*model.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            yield field, _text(below)


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return " ".join(str(node.value.value).split())
    return ""


def _key(owner: str, table: str | None, field: ast.AnnAssign, meaning: str) -> Key:
    name = _name(field)
    path = f"{table}.{name}" if table else name
    return Key(owner, name, path, tuple(_values(field.annotation)), _default(field), meaning)


def _name(field: ast.AnnAssign) -> str:
    assert isinstance(field.target, ast.Name)
    return field.target.id


def _values(annotation: ast.expr) -> Iterator[str]:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and _names(node.value) == ["Literal"]:
            yield from (str(each.value) for each in _constants(node.slice))
        elif isinstance(node, ast.Name) and node.id == "bool":
            yield from ("true", "false")


def _constants(node: ast.expr) -> list[ast.Constant]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Constant)]


def _names(node: ast.expr) -> list[str]:
    return [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]


def _default(field: ast.AnnAssign) -> str:
    match field.value:
        case ast.Constant(value=bool(value)):
            return str(value).lower()
        case ast.Constant(value=None) | None:
            return ""
        case ast.Constant(value=value):
            return str(value)
    return ""
