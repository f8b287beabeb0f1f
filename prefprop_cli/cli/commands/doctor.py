"""`prefprop doctor`."""

import typer

from prefprop_cli.cli.console import Console


def command(context: typer.Context) -> None:
    """Show what this machine and this installation can do.

    Example: prefprop doctor --json
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import doctor as work

    work.run(console)
