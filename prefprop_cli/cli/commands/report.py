"""`prefprop report`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run folders, folders that hold some, FILE.json of bench --table 7.",
            autocompletion=completion.runs,
        ),
    ],
    table: Annotated[
        Literal["2", "3", "7"] | None,
        typer.Option(help="Scores, calibration error or inference time; default: all three."),
    ] = None,
    figure: Annotated[
        Literal["2", "3", "4"] | None,
        typer.Option(help="Seeds, document lengths or error along training."),
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="Split to report on.")] = "test",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR", help="Write .md, .json, .svg, .png, or a folder with all."
        ),
    ] = None,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Make the paper's tables and figures from runs of your own.

    Methods are compared with propagation: differences with intervals, tests over seeds, and what
    these seeds could have shown. Runs that were not evaluated on the split are.

    Example: prefprop report runs --table 2 --out table-2.md
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import report as work

    work.run(
        console,
        paths=paths,
        table=table,
        figure=figure,
        split=split,
        out=out,
        backbone=backbone,
        device=device,
    )
