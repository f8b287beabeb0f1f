"""`prefprop train`."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.errors import UsageError


def command(
    context: typer.Context,
    *,
    documents: o.Documents = None,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    text_column: o.OwnTextColumn = None,
    label_column: o.OwnLabelColumn = None,
    errors: o.Errors = None,
    quick: o.Quick = False,
    out: Annotated[
        Path | None, o.option("Run folder; default: a new one in ./runs.", metavar="DIR")
    ] = None,
    resume: Annotated[
        Path | None,
        o.option(
            "Go on with this run from its last checkpoint.",
            "--resume",
            metavar="RUN",
            offers=completion.runs_to_resume,
        ),
    ] = None,
    device: o.Device = "auto",
    seed: o.Seed = None,
    dry_run: Annotated[
        bool,
        o.option(
            "Train nothing: print the configuration, the lengths and the memory it takes.",
            "--dry-run",
        ),
    ] = False,
    offline: o.Offline = False,
) -> None:
    """Train on your documents or a known set; print the run folder.

    Ctrl-C saves a checkpoint and prints the command that goes on; a second one stops at once.

    Example: prefprop train reviews.csv --quick
    """
    console: Console = context.obj
    o.check_device(device)
    o.stay_offline(offline)
    # In two parts: what is wrong with a command line shows before the seconds of torch.
    from prefprop_cli.cli.work import resumed, settings
    from prefprop_cli.runs.distributed import world

    asked = settings.ExperimentRequest(
        preset=preset,
        default=settings.BASE,
        overrides=tuple(overrides or ()),
        source=settings.one_source(documents, source),
        text_column=text_column,
        label_column=label_column,
        errors=errors,
        seed=seed,
        quick=quick,
    )
    if resume and (out or asked != settings.ExperimentRequest(default=settings.BASE)):
        raise UsageError(
            f"--resume {resume} goes on with that run's own configuration. Leave the others out"
        )
    with ExitStack() as held:
        folder = resumed.taken_up(resume, held) if resume else None
        if folder:
            asked = settings.ExperimentRequest(preset=str(folder.config))
        elif not dry_run:
            world().on_main(lambda: settings.check_out(out))
        found = world().first_on_machine(lambda: settings.resolve(asked))
        settings.tell_documents(console, found)
        from prefprop_cli.cli.work import train as work

        device = world().on_each(lambda: work.resolve_device(device))
        stop = held.enter_context(StopRequest())
        ready = work.make_ready(console, found, folder, stop)
        expected = None if folder else work.forecast(console, ready, device)
        if dry_run:
            work.print_plan(console, ready, expected)
            return
        if folder is None:
            folder = work.new_run(ready, out)
            resumed.hold(folder, held)
        result = work.train(console, ready, folder, device, stop, resume=bool(resume))
        work.leave_if_interrupted(result, folder, stop)
    work.tell_result(console, ready, folder, result, device)
