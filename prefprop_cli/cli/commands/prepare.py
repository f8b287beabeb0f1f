"""`prefprop prepare`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.errors import UsageError


def command(
    context: typer.Context,
    *,
    name: o.PresetName = None,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    text_column: o.OwnTextColumn = None,
    label_column: o.OwnLabelColumn = None,
    errors: o.Errors = None,
    out: Annotated[
        Path | None, o.option("Prepared folder; default: in the cache.", metavar="DIR")
    ] = None,
    limit: Annotated[
        int | None, o.option("Documents per split (data.limit).", least=1, metavar="N")
    ] = None,
    force: Annotated[bool, o.option("Prepare again what is prepared already.", "--force")] = False,
) -> None:
    """Read, split, audit and tokenise a data set.

    Example: prefprop prepare newsgroups --source 20news-bydate.tar.gz
    """
    console: Console = context.obj
    if name and preset:
        raise UsageError(f"prepare {name} --preset {preset}: two presets. Give one of them")
    if name and Path(name).exists() and Path(name).suffix != ".toml":
        raise UsageError(
            f"{name} is no preset. To prepare its documents: "
            f"prefprop prepare --source {shlex.quote(name)}"
        )
    # In two parts: what is wrong with a command line shows before the seconds of torch.
    from prefprop_cli.cli.work import settings

    found = settings.resolve(
        settings.ExperimentRequest(
            preset=name or preset,
            overrides=tuple(overrides or ()),
            source=source,
            text_column=text_column,
            label_column=label_column,
            errors=errors,
            limit=limit,
            examples=("prepare --source reviews.csv", "prepare demo"),
        )
    )
    settings.tell_documents(console, found)
    from prefprop_cli.cli.work import prepare as work

    with StopRequest() as stop:
        chosen = work.choose_backbone(found)
        chosen, prepared = work.prepare(console, chosen, stop, cache=out, force=force)
    work.print_prepared(console, chosen.plan, prepared, out)
