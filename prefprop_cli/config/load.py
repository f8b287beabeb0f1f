"""Configuration in layers: defaults < preset (and what it extends) < `-s table.key=TOML`.

Every layer is checked on its own, so that each problem is reported where it was written; how the
tables agree is checked on the sum. All problems are reported at once.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import tomli_w
from pydantic import ValidationError

from prefprop_cli.config.explain import expected, found, meant, unknown_key
from prefprop_cli.config.layers import ConfigLayer, override_layers, preset_layers
from prefprop_cli.config.locate import KeyPath
from prefprop_cli.config.presets import is_path
from prefprop_cli.config.schema import Config
from prefprop_cli.config.sweep import STAGES, is_of_a_range, stage_problems
from prefprop_cli.errors import ConfigError

_MOST_PROBLEMS = 50
_LONGEST_LINE = 400


@dataclass(frozen=True)
class Loaded:
    """A configuration and where it came from."""

    config: Config
    sources: tuple[str, ...]
    """Files and overrides in the order in which they were laid over the defaults."""
    toml: str
    """The configuration fully resolved; loading it again gives the same `config`."""


def load_config(
    *, preset: str | None, overrides: Sequence[str] = (), stdin: TextIO | None = None
) -> Loaded:
    """Lay a preset, a name, the path of a TOML file or `-`, and the overrides over the defaults.

    Raises:
        ConfigError: all problems of all layers, one line each.
    """
    problems: list[str] = []
    layers = []
    if preset is not None:
        layers += preset_layers(preset, stdin=stdin or sys.stdin, problems=problems)
    layers += override_layers(overrides, problems=problems)
    all_readable = not problems
    for layer in layers:
        problems += _layer_problems(layer)
    try:
        values: dict[str, object] = {}
        for layer in layers:
            values = _laid_over(values, layer.values)
        config = Config.model_validate(values, strict=True)
    except ValidationError as error:
        if all_readable:
            problems += _disagreements(error, layers)
    if problems:
        name = "--schema" if preset is None or is_path(preset) else preset
        hint = f"See `prefprop presets {name}`." if all_readable else "See `prefprop presets`."
        raise ConfigError(_presentable(problems), hint=hint)
    return Loaded(config, tuple(layer.origin for layer in layers), dump_config(config))


def dump_config(config: Config) -> str:
    """Write the configuration as TOML, every key that has a value; loading gives the same one."""
    return tomli_w.dumps(config.model_dump(exclude_none=True))


def _laid_over(below: Mapping[str, object], values: Mapping[str, object]) -> dict[str, object]:
    result = dict(below)
    for key, value in values.items():
        under = result.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            value = _laid_over(under, value)
        result[key] = value
    return result


def _layer_problems(layer: ConfigLayer) -> list[str]:
    """Check names and values of one layer; how tables agree is not for one layer to say."""
    messages: dict[KeyPath, str] = {}

    def got(value: object) -> str:  # the line of an override shows it already
        return f", found {found(value)}" if layer.text else ""

    try:
        Config.model_validate(layer.values, strict=True)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            path, value = tuple(map(str, problem["loc"])), problem["input"]
            if is_of_a_range(path):
                continue  # said below, in words that fit
            if problem["type"] == "extra_forbidden":
                messages[path] = unknown_key(path)
            elif problem["type"] != "value_error":
                messages[path[:2]] = expected(path) + got(value) + meant(path, value)
    for path, value in _too_large(layer.values):
        if not messages.keys() & {path, path[:1]}:
            messages[path] = expected(path) + got(value)
    found_at = [*messages.items(), *((STAGES, text) for text in stage_problems(layer.values))]
    found_at.sort(key=lambda item: layer.positions.get(item[0], (0, 0)))
    return [f"{layer.where(path)}  {'.'.join(path)}: {text}" for path, text in found_at]


def _too_large(values: Mapping[str, object], table: KeyPath = ()) -> Iterator[tuple[KeyPath, int]]:
    """Yield the integers that TOML has no room for."""
    for key, value in values.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            yield (*table, key), value
        elif isinstance(value, Mapping) and not table:
            yield from _too_large(value, (key,))


def _disagreements(error: ValidationError, layers: Sequence[ConfigLayer]) -> Iterator[str]:
    """Report the relations that do not hold, where the newest layer sets a key they speak of."""
    for problem in error.errors(include_url=False):
        if problem["type"] == "value_error" and not is_of_a_range(problem["loc"]):
            table = tuple(map(str, problem["loc"]))
            line = ": ".join([*table, str(problem["ctx"]["error"])])
            keys = [(*table, *name.split(".")) for name in re.findall(r"([a-z_.]+) = ", line)]
            setters = ((layer, key) for layer in reversed(layers) for key in keys)
            blamed = next((f"{a.where(key)}  " for a, key in setters if a.sets(key)), "")
            yield blamed + line


def _presentable(problems: Sequence[str]) -> list[str]:
    shown = []
    for text in problems[:_MOST_PROBLEMS]:
        cut = text if len(text) <= _LONGEST_LINE else text[:_LONGEST_LINE] + "..."
        spelled = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
        shown.append("".join(spelled))
    n_more = len(problems) - len(shown)
    return [*shown, f"... and {n_more} more"] if n_more else shown
