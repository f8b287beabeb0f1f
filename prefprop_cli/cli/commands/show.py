"""`prefprop show`."""

from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    run: Annotated[
        Path | None,
        o.argument(
            "Run folder; default: the newest one of ./runs, finished or not.",
            "RUN",
            completion.runs,
        ),
    ] = None,
) -> None:
    """Show one run: what was trained, how it went, what comes next.

    Example: prefprop show runs/demo-1
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import show as work

    work.tell(console, work.description_of(run))
