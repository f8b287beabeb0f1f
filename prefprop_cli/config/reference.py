"""The configuration explained: its schema with the docstrings, and presets that say what keys mean.

A preset for one's own documents extends `base`, and has the keys that one may want to change.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import tomli_w

from prefprop_cli.config.documented import documented_keys
from prefprop_cli.config.load import load_config
from prefprop_cli.config.presets import BASE
from prefprop_cli.config.schema import Config
from prefprop_cli.words import escape

OFTEN_CHANGED = {
    *("model.backbone", "data.source", "data.text_column", "data.label_column", "data.max_length"),
    *("method.name", "method.prefix_length"),
    *("train.epochs", "train.batch_size", "train.lr", "train.metric", "train.seed"),
}
"""Keys that a preset has even where they are those of `base`."""
_COLUMNS = 88
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def documented_schema() -> dict[str, Any]:
    """Return the JSON schema of the configuration, described by the docstrings of its fields."""
    document = Config.model_json_schema()
    for key in documented_keys():
        table = document if key.owner == Config.__name__ else document["$defs"].get(key.owner)
        if table and key.meaning:
            table["properties"][key.name]["description"] = key.meaning
    return document


def schema_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, type with bounds, default as TOML, and meaning, for each key of a JSON schema."""
    for name, entry in document["properties"].items():
        reference = next((each for each in entry.get("anyOf", ()) if "$ref" in each), entry)
        table = document["$defs"].get(reference.get("$ref", "").rpartition("/")[2])
        fields = table["properties"].items() if table else [("", entry)]
        for field, value in fields:
            key = f"{name}.{field}" if field else name
            default = value.get("default")
            shown = "unset" if default is None else json.dumps(default, ensure_ascii=False)
            yield key, _kind(value), shown, value.get("description", "")


def preset_text(config: Config, *, about: Sequence[str]) -> str:
    """Write a configuration as a preset that extends `base`; loading it gives the same one.

    The sentences `about` documents and backbone come first.
    """
    return "\n".join(_lines(config, about)) + "\n"


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if schema.get("type") == "null":
        return "unset"
    if "enum" in schema:
        return "|".join(schema["enum"])
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([schema["type"], *bounds])


def _lines(config: Config, about: Sequence[str]) -> Iterator[str]:
    yield "# prefprop train -p my.toml"
    yield "#"
    for sentence in about:
        yield from _comment(f"{sentence}.")
    yield "# All keys there are: prefprop presets --schema"
    yield ""
    yield f'extends = "{BASE}"'
    meanings = {key.path: key.meaning for key in documented_keys()}
    base = load_config(preset=BASE).config.model_dump(exclude_none=True)
    for name, table in config.model_dump(exclude_none=True).items():
        inherited = base.get(name, {})
        if not isinstance(table, Mapping):
            if table != inherited:
                yield _toml({name: table})
            continue
        paths = {
            key: f"{name}.{key}"
            for key, value in table.items()
            if key not in inherited or value != inherited[key] or f"{name}.{key}" in OFTEN_CHANGED
        }
        if paths:
            yield ""
            yield f"[{name}]"
        for key, path in paths.items():
            yield from _comment(meanings[path])
            yield _toml({key: table[key]})


def _comment(text: str) -> list[str]:
    return [f"# {escape(line)}" for line in wrap(text, _COLUMNS - 2)]


def _toml(values: Mapping[str, Any]) -> str:
    return tomli_w.dumps(values).rstrip("\n")
