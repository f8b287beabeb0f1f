"""`prefprop init`."""

from typing import Annotated

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest


def command(
    context: typer.Context,
    *,
    documents: Annotated[
        str, o.argument("Your documents, as `prefprop train` takes them.", "FILE|FOLDER|HUB-NAME")
    ],
    overrides: o.Overrides = None,
    text_column: o.OwnTextColumn = None,
    label_column: o.OwnLabelColumn = None,
    errors: o.Errors = None,
    quick: o.Quick = False,
    offline: o.Offline = False,
) -> None:
    """Write the preset of a run on your documents, explained.

    Change it, and train with it: prefprop train -p my.toml

    Example: prefprop init reviews.csv > my.toml
    """
    console: Console = context.obj
    o.stay_offline(offline)
    # In two parts: what is wrong with a command line shows before the seconds of torch.
    from prefprop_cli.cli.work import settings

    asked = settings.ExperimentRequest(
        default=settings.BASE,
        overrides=tuple(overrides or ()),
        source=documents,
        text_column=text_column,
        label_column=label_column,
        errors=errors,
        quick=quick,
    )
    found = settings.resolve(asked)
    settings.tell_documents(console, found)
    from prefprop_cli.cli.work import init as work

    with StopRequest() as stop:
        chosen, prepared = work.prepare(console, work.choose_backbone(found), stop)
    work.print_preset(console, chosen, prepared)
