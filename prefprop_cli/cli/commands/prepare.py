"""`prefprop prepare`."""

from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    name: o.PresetName = None,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Prepared folder; default: in the cache.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Documents per split (data.limit).")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Prepare again what is prepared already.")
    ] = False,
) -> None:
    """Read, split, audit and tokenise a data set.

    Example: prefprop prepare newsgroups --source 20news-bydate.tar.gz
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import prepare as work

    work.run(
        console,
        name=name,
        preset=preset,
        overrides=overrides or [],
        source=source,
        out=out,
        limit=limit,
        force=force,
    )
