"""`prefprop train`."""

from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder; default: a new one in ./runs.")
    ] = None,
    resume: Annotated[
        Path | None,
        o.run_option(
            "--resume",
            "Go on with this run from its last checkpoint.",
            offers=completion.runs_to_resume,
        ),
    ] = None,
    device: o.Device = "auto",
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Seed of this run (train.seed).")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Train nothing: print the configuration, the lengths and the memory it takes.",
        ),
    ] = False,
    offline: o.Offline = False,
) -> None:
    """Train a method on a data set and print the run folder.

    Ctrl-C saves a checkpoint and prints the command that goes on; a second one stops at once.

    Example: prefprop train -p demo -s method.prefix_length=16
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import train as work

    work.run(
        console,
        preset=preset,
        overrides=overrides or [],
        source=source,
        out=out,
        resume=resume,
        device=device,
        seed=seed,
        dry_run=dry_run,
        offline=offline,
    )
