"""What is wrong with a key or a value, in the words of a person."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from prefprop_cli.config.locate import KeyPath
from prefprop_cli.config.schema import Config

ALIASES = {
    "learning_rate": "train.lr",
    "accumulation_steps": "train.batch_size",
    "gradient_accumulation_steps": "train.batch_size",
    "num_train_epochs": "train.epochs",
    "per_device_train_batch_size": "train.micro_batch_size",
    "warmup_ratio": "train.warmup",
    "early_stopping": "train.patience",
    "dataset": "data.set",
    "pre_seq_len": "method.prefix_length",
    "num_virtual_tokens": "method.prefix_length",
}
"""What other programs call a key."""

_NOUNS = {
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "text",
    "object": "a table",
    "array": "an array",
}
_LOWER = (("minimum", "<="), ("exclusiveMinimum", "<"))
_UPPER = (("exclusiveMaximum", "<"), ("maximum", "<="))
_LONGEST_VALUE = 40

Schema = Mapping[str, Any]


def is_key(path: KeyPath) -> bool:
    """Tell whether there is such a key, or table."""
    return ".".join(path) in _value_schemas()


def unknown_key(path: KeyPath) -> str:
    """Say that there is no such key, and which one may have been meant."""
    nearest = nearest_key(path)
    return "unknown key" + (f" - did you mean `{nearest}`?" if nearest else "")


def expected(path: KeyPath) -> str:
    """Say which values a key, or an item of its array, takes, with its bounds."""
    schema = _value_schema(path)
    if "enum" in schema:
        return "expected one of " + ", ".join(map(str, schema["enum"]))
    noun = _NOUNS.get(str(schema.get("type")), "what JSON can hold")
    noun += " that is not empty" if schema.keys() & {"minItems", "minProperties"} else ""
    low = [f"{schema[key]} {sign} " for key, sign in _LOWER if key in schema]
    high = [f" {sign} {schema[key]}" for key, sign in _UPPER if key in schema]
    bounds = f" ({''.join(low)}{path[:2][-1]}{''.join(high)})" if low or high else ""
    return f"expected {noun}{bounds}"


def meant(path: KeyPath, value: object) -> str:
    """Ask whether the nearest of the values that the key takes was meant; empty without one."""
    names = _value_schema(path).get("enum", ())
    near = get_close_matches(value, names, n=1) if isinstance(value, str) else ()
    return f" - did you mean `{near[0]}`?" if near else ""


def found(value: object) -> str:
    """Name a value that was given, briefly."""
    match value:
        case Mapping():
            return "a table"
        case list():
            return "an array"
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"' if len(value) <= _LONGEST_VALUE else "a long text"
        case int() if abs(value) >= 2**63:
            return "an integer of more than 64 bits"
    return str(value)


def nearest_key(path: KeyPath) -> str | None:
    """Return a key with a similar name in the same table, or else anywhere, as `-s` takes it."""
    table, name = ".".join(path[:-1]), path[-1]
    if name in ALIASES:
        return ALIASES[name]
    keys = [key.rpartition(".") for key in _value_schemas()]
    siblings = [key for parent, _, key in keys if parent == table]
    if near := get_close_matches(name, siblings, n=1):
        return ".".join([*path[:-1], near[0]])
    homes = {key: f"{parent}{dot}{key}" for parent, dot, key in reversed(keys)}
    near = get_close_matches(name, list(homes), n=1, cutoff=0.7)
    return homes[near[0]] if near else None


def _value_schema(path: KeyPath) -> Schema:
    schema = _value_schemas()[".".join(path[:2])]
    for _ in path[2:]:
        schema = schema.get("items") or schema.get("additionalProperties") or schema
    return schema


@cache
def _value_schemas() -> dict[str, Schema]:
    """Return the JSON schema of every table and key by its dotted name."""
    document = Config.model_json_schema()
    schemas: dict[str, Schema] = {}
    for name, schema in document["properties"].items():
        schema = _without_null(schema)
        table = document["$defs"].get(schema.get("$ref", "").rpartition("/")[2])
        schemas[name] = table or schema
        for key, value in (table or {}).get("properties", {}).items():
            schemas[f"{name}.{key}"] = _without_null(value)
    return schemas


def _without_null(schema: Schema) -> Schema:
    options: list[Schema] = schema.get("anyOf", [schema])
    return next(option for option in options if option.get("type") != "null")
