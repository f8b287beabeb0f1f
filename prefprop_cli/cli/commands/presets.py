"""`prefprop presets`: the list, one preset, or every key there is."""

from typing import Annotated

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import UsageError


def command(
    context: typer.Context,
    *,
    name: o.PresetName = None,
    schema: Annotated[
        bool, o.option("List every key with its type, default and meaning.", "--schema")
    ] = False,
) -> None:
    """List the presets, or print one.

    Example: prefprop presets demo > my.toml
    """
    console: Console = context.obj
    if schema and name:
        raise UsageError("--schema lists the keys of every preset. Leave out the name")
    from prefprop_cli.cli.work import presets as work

    if schema:
        work.print_schema(console)
    elif name:
        work.print_preset(console, name)
    else:
        work.print_list(console)
