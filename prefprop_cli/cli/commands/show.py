"""`prefprop show`."""

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(context: typer.Context, *, run: o.OptionalRun = None) -> None:
    """Show one run: what was trained on what, how it went, what comes next.

    Example: prefprop show runs/demo-1
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import show as work

    work.tell_story(console, work.story_of(run))
