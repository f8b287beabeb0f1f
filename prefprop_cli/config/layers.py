"""The layers of a configuration: TOML files that extend each other, and `-s` overrides.

Nothing here knows the schema. What cannot be read is added to a list of problems, so that one
unreadable layer does not hide what is wrong with the others.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import realpath
from pathlib import Path
from typing import TextIO, cast

import tomli

from prefprop_cli.config.locate import KeyPath, Position, key_positions
from prefprop_cli.config.presets import MAX_CONFIG_BYTES, is_path, not_found, preset_paths


@dataclass(frozen=True)
class ConfigLayer:
    """Some keys of a configuration and where they were written."""

    origin: str
    """The file, or the override as it was typed."""
    values: Mapping[str, object]
    text: str = ""
    """The document behind `values`; empty for an override, which has no lines."""

    @cached_property
    def positions(self) -> dict[KeyPath, Position]:
        """Line and column of each key of a file."""
        return key_positions(self.text)

    def where(self, path: KeyPath) -> str:
        """Return `file:line:column` of the key, or the override."""
        return ":".join([self.origin, *map(str, self.positions.get(path, ()))])

    def sets(self, path: KeyPath) -> bool:
        """Tell whether this layer gives the key a value."""
        inner: object = self.values
        for key in path:
            if not isinstance(inner, Mapping) or key not in inner:
                return False
            inner = inner[key]
        return True


def preset_layers(preset: str, *, stdin: TextIO, problems: list[str]) -> list[ConfigLayer]:
    """Read a preset, a name, a file or `-`, and what it extends, the farthest base first.

    A file that cannot be read is left out, and a line on it is added to the problems.
    """
    layers: list[ConfigLayer] = []
    chain: list[Path] = []
    try:
        if preset == "-":
            layer = _read_stdin(stdin)
        else:
            chain.append(_find(preset, folder=Path(), chain=chain))
            layer = _read(chain[0])
        while "extends" in layer.values:
            own = {key: value for key, value in layer.values.items() if key != "extends"}
            layers.insert(0, ConfigLayer(layer.origin, own, layer.text))
            chain.append(_base(layer, chain))
            layer = _read(chain[-1])
        layers.insert(0, layer)
    except _UnreadableError as error:
        problems.append(str(error))
    return layers


def override_layers(overrides: Sequence[str], *, problems: list[str]) -> list[ConfigLayer]:
    """Read `table.key=value` settings; a value that is not TOML is text."""
    layers = []
    for text in overrides:
        try:
            layers.append(_override(text))
        except _UnreadableError as error:
            problems.append(f"-s {text}  {error}")
    return layers


class _UnreadableError(Exception):
    """A layer cannot be read; the message is one line for the user."""


def _base(layer: ConfigLayer, chain: Sequence[Path]) -> Path:
    """Return the file that a layer extends; `chain` is the files on the way to the layer."""
    base = layer.values["extends"]
    try:
        if not isinstance(base, str) or base == "-":
            raise _UnreadableError("expected the name of a preset or the path of a file")
        return _find(base, folder=chain[-1].parent if chain else Path(), chain=chain)
    except _UnreadableError as error:
        raise _UnreadableError(f"{layer.where(('extends',))}  extends: {error}") from None


def _find(reference: str, *, folder: Path, chain: Sequence[Path]) -> Path:
    """Return the first file of that name not in the chain: `demo` may extend another `demo`."""
    paths = [folder / reference] if is_path(reference) else preset_paths(reference)
    if not paths:
        raise _UnreadableError(not_found(reference))
    if "\0" in reference:
        raise _UnreadableError(f"{reference}: cannot be a path")
    passed = set(map(realpath, chain))
    new = [path for path in paths if realpath(path) not in passed]
    if not new:
        circle = " -> ".join(map(str, [*chain, paths[0]]))
        raise _UnreadableError(f"the presets extend each other in a circle: {circle}")
    return new[0]


def _read_stdin(stdin: TextIO) -> ConfigLayer:
    try:
        data = stdin.buffer.read(MAX_CONFIG_BYTES + 1)
    except (OSError, ValueError, AttributeError) as error:
        raise _UnreadableError(f"stdin: cannot be read: {error}") from None
    return _parse("stdin", data)


def _read(path: Path) -> ConfigLayer:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise _UnreadableError(f"{path}: cannot be read: {error.strerror}") from None
    return _parse(str(path), data)


def _parse(origin: str, data: bytes) -> ConfigLayer:
    if len(data) > MAX_CONFIG_BYTES:
        raise _UnreadableError(f"{origin}: is longer than 1 MiB; a configuration is short")
    if data.startswith(b"\xef\xbb\xbf"):
        raise _UnreadableError(
            f"{origin}:1:1  the file starts with a byte order mark; save it as UTF-8 without one"
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise _UnreadableError(
            f"{origin}:{line}:{column}  byte 0x{data[error.start]:02x} is not UTF-8"
        ) from None
    try:
        return ConfigLayer(origin, tomli.loads(text), text)
    except (ValueError, RecursionError) as error:
        raise _UnreadableError(f"{origin}:{_describe_syntax(text, error)}") from None


def _describe_syntax(text: str, error: ValueError | RecursionError) -> str:
    if isinstance(error, tomli.TOMLDecodeError):
        return f"{error.lineno}:{error.colno}  not valid TOML: {error.msg}"
    lines = text.split("\n")

    def fails(n_lines: int) -> bool:
        try:
            tomli.loads("\n".join(lines[:n_lines]))
        except (ValueError, RecursionError) as other:
            return type(other) is type(error)
        return False

    line = bisect_left(range(1, len(lines) + 1), True, key=fails) + 1
    reason = "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
    return f"{line}:1  {reason}"


def _override(text: str) -> ConfigLayer:
    key, equals, value = text.partition("=")
    path = [part.strip() for part in key.split(".")]
    if not equals or not all(path):
        raise _UnreadableError("expected table.key=value")
    values: object = _override_value(value.strip())
    for name in reversed(path):
        values = {name: values}
    return ConfigLayer(f"-s {text}", cast("dict[str, object]", values))


def _override_value(text: str) -> object:
    try:
        text.encode()
        values = tomli.loads(f"value = {text}")
    except UnicodeEncodeError:
        raise _UnreadableError("the text is not UTF-8") from None
    except (ValueError, RecursionError):
        values = {}
    if list(values) == ["value"]:
        return values["value"]
    if text.startswith(('"', "'", "[", "{")):
        raise _UnreadableError("the value starts like TOML and is not valid TOML")
    return text
