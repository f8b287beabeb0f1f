"""`prefprop doctor`: what this machine and this installation can do."""

import typer


def command(context: typer.Context) -> None:
    """Show what this machine and installation can do: a verdict last.

    Example: prefprop doctor --json
    """
    from prefprop_cli.cli.work import doctor as work

    work.tell(context.obj)
