"""What `prefprop presets` prints: the list, one preset, or every key there is."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from prefprop_cli.cli.console import Console
from prefprop_cli.config.documented import documented_keys
from prefprop_cli.config.presets import find_preset, list_presets
from prefprop_cli.config.schema import Config

_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


def print_list(console: Console) -> None:
    """Each preset with one line; where it lies, too, if asked for."""
    presets = list_presets()
    if console.common.json:
        console.result_json([vars(preset) for preset in presets])
    elif console.common.verbose:
        console.table([(p.name, p.description, f"{p.origin}: {p.path}") for p in presets])
    else:
        console.table([(preset.name, preset.description) for preset in presets])


def print_preset(console: Console, name: str) -> None:
    """The file of a preset, byte for byte.

    Raises:
        ConfigError: there is no preset of that name.
    """
    path = find_preset(name)
    toml = path.read_bytes().decode("utf-8", "surrogateescape")
    if console.common.json:
        preset = next(preset for preset in list_presets() if preset.name == name)
        console.result_json({**vars(preset), "toml": toml})
    else:
        console.result(toml.removesuffix("\n"))


def print_schema(console: Console) -> None:
    """Every key with its type, default and meaning."""
    document = documented_schema()
    if console.common.json:
        console.result_json(document)
    else:
        console.table(schema_rows(document), header=("key", "type", "default", "meaning"))


def documented_schema() -> dict[str, Any]:
    """The JSON schema of the configuration, the docstring of each field as its description."""
    document = Config.model_json_schema()
    for key in documented_keys():
        table = document if key.owner == Config.__name__ else document["$defs"].get(key.owner)
        if table and key.meaning:
            table["properties"][key.name]["description"] = key.meaning
    return document


def schema_rows(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Key, type with bounds, default as TOML, and meaning, for each key of a JSON schema."""
    for name, entry in document["properties"].items():
        reference = next((each for each in entry.get("anyOf", ()) if "$ref" in each), entry)
        table = document["$defs"].get(reference.get("$ref", "").rpartition("/")[2])
        fields = table["properties"].items() if table else [("", entry)]
        for field, value in fields:
            key = f"{name}.{field}" if field else name
            yield key, _kind(value), _toml(value.get("default")), value.get("description", "")


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_kind, schema["anyOf"]))
    if schema.get("type") == "null":
        return "unset"
    if "enum" in schema:
        return "|".join(schema["enum"])
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([schema["type"], *bounds])


def _toml(default: object) -> str:
    return "unset" if default is None else json.dumps(default, ensure_ascii=False)
