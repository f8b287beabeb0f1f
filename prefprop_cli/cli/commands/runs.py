"""`prefprop runs`."""

from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    folder: Annotated[
        Path | None, o.argument("It holds run folders; default: ./runs.", "FOLDER")
    ] = None,
) -> None:
    """List the runs of a folder, the newest first.

    In a pipe, rows of path, start, status, step/steps, data, method, metric, its best value on
    validation, and accuracy on test, where logits of it are stored.

    Example: prefprop runs --json
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import runs as work

    work.tell_runs(console, work.runs_in(folder))
