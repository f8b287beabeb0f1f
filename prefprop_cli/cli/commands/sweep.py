"""`prefprop sweep`."""

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
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    out: Annotated[
        Path | None, o.option("Sweep folder; default: sweeps/NAME.", metavar="DIR")
    ] = None,
    storage: Annotated[
        str | None,
        o.option("Where trials are kept; default: DIR/sweep.journal.", metavar="URL|FILE"),
    ] = None,
    device: o.Device = "auto",
    offline: o.Offline = False,
) -> None:
    """Run searches and seeds ([sweep]), print the best run folder.

    Start it as often as there are GPUs or machines: all share the trials. Started again after a
    crash or Ctrl-C, it goes on where it was. Machines without a common folder share a database:
    --storage postgresql://HOST/NAME.

    Example: prefprop sweep -p hyperpartisan -s sweep.seeds=[0,1,2]
    """
    console: Console = context.obj
    from prefprop_cli.runs.distributed import world

    if (size := world().size) > 1:
        raise UsageError(
            f"a launcher started {size} processes for one run, and a sweep gives each process a "
            "run of its own. Start `prefprop sweep` several times instead"
        )
    o.check_device(device)
    o.stay_offline(offline)
    # In two parts: what is wrong with a command line shows before the seconds of torch.
    from prefprop_cli.cli.work import settings
    from prefprop_cli.config.sweep import check_sweep
    from prefprop_cli.sweep import require_optuna

    asked = settings.ExperimentRequest(
        preset=preset,
        overrides=tuple(overrides or ()),
        source=source,
        examples=("init reviews.csv > my.toml", "sweep -p my.toml -s 'sweep.seeds=[0,1,2]'"),
    )
    found = settings.resolve(asked)
    check_sweep(found.config)
    require_optuna()
    settings.tell_documents(console, found)
    from prefprop_cli.cli.work import sweep as work

    device = work.resolve_device(device)
    out = work.sweep_folder(out, found.config)
    with StopRequest() as stop:
        shared = work.make_ready(console, found, out, device, stop)
        board = work.search(console, found.config, shared, storage, stop)
    work.print_best(console, board)
