"""What `prefprop presets` prints: the list, one preset, or every key there is."""

from prefprop_cli.cli.console import Console
from prefprop_cli.config.presets import find_preset, list_presets
from prefprop_cli.config.reference import documented_schema, schema_rows


def print_list(console: Console) -> None:
    """Each preset with one line; where it lies, too, if asked for."""
    presets = list_presets()
    if console.common.json:
        console.result_json(presets)
    elif console.common.verbose:
        console.table([(p.name, p.description, f"{p.origin}: {p.path}") for p in presets])
    else:
        console.table([(preset.name, preset.description) for preset in presets])


def print_preset(console: Console, name: str) -> None:
    """The file of a preset, byte for byte.

    Raises:
        ConfigError: there is no preset of that name.
    """
    toml = find_preset(name).read_bytes().decode("utf-8", "surrogateescape")
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
