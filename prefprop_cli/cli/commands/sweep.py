"""`prefprop sweep`."""

from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Sweep folder; default: sweeps/NAME.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL|FILE", help="Where trials are kept; default: DIR/sweep.journal."),
    ] = None,
    device: o.Device = "auto",
    offline: o.Offline = False,
) -> None:
    """Run searches and seeds ([sweep]), print the best run folder.

    Start it as often as there are GPUs or machines: all share the trials. Started again after a
    crash or Ctrl-C, it goes on where it was. Machines without a common folder share a database:
    --storage postgresql://HOST/NAME.

    Example: prefprop sweep -p hyperpartisan -s sweep.seeds=[0,1,2]
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import sweep as work

    work.run(
        console,
        preset=preset,
        overrides=overrides or [],
        source=source,
        out=out,
        storage=storage,
        device=device,
        offline=offline,
    )
