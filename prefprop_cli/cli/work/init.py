"""What `prefprop init` writes: a preset with the keys that one may want to change."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

import tomli_w

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import escape
from prefprop_cli.cli.work.experiment import prepare
from prefprop_cli.cli.work.presets import documented_schema, schema_rows
from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import Config
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.experiment.choice import BackboneChoice, choose_backbone
from prefprop_cli.experiment.settings import BASE
from prefprop_cli.words import plural

__all__ = ["choose_backbone", "prepare", "preset_text", "print_preset"]

OFTEN_CHANGED = {
    *("model.backbone", "data.source", "data.text_column", "data.label_column", "data.max_length"),
    *("method.name", "method.prefix_length"),
    *("train.epochs", "train.batch_size", "train.lr", "train.metric", "train.seed"),
}
"""Keys that are written even where they are those of `base`."""
_COLUMNS = 88


def print_preset(console: Console, chosen: BackboneChoice, prepared: Prepared) -> None:
    """Write the preset to stdout, or with `--json` the configuration."""
    config = chosen.settings.config
    if console.common.json:
        console.result_json(config.model_dump())
        return
    n_documents = sum(map(len, prepared.splits.values()))
    about = [f"{config.data.source}: {plural(n_documents, 'document')}"]
    if chosen.why:
        about += [f"{config.model.backbone} is taken since {chosen.why}"]
    console.result(preset_text(config, about=about).rstrip("\n"))


def preset_text(config: Config, *, about: Sequence[str]) -> str:
    """A configuration as a TOML file that extends `base`; loading it gives the same one.

    Args:
        config: to be written.
        about: documents and backbone, in a sentence each.
    """
    return "\n".join(_lines(config, about)) + "\n"


def _lines(config: Config, about: Sequence[str]) -> Iterator[str]:
    yield "# prefprop train -p my.toml"
    yield "#"
    for sentence in about:
        yield from _comment(f"{sentence}.")
    yield "# All keys there are: prefprop presets --schema"
    yield ""
    yield f'extends = "{BASE}"'
    meanings = {key: meaning for key, _, _, meaning in schema_rows(documented_schema())}
    base = load_config(preset=BASE).config.model_dump(exclude_none=True)
    for name, table in config.model_dump(exclude_none=True).items():
        if not isinstance(table, Mapping):
            if table != base[name]:
                yield _toml({name: table})
        elif keys := _written(name, table, base[name]):
            yield ""
            yield f"[{name}]"
            for key, value in keys.items():
                yield from _comment(meanings.get(f"{name}.{key}", ""))
                yield _toml({key: value})


def _comment(text: str) -> list[str]:
    return [f"# {escape(line)}" for line in wrap(text, _COLUMNS - 2)]


def _written(name: str, table: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in table.items()
        if key not in base or value != base[key] or f"{name}.{key}" in OFTEN_CHANGED
    }


def _toml(values: Mapping[str, Any]) -> str:
    return tomli_w.dumps(values).rstrip("\n")
