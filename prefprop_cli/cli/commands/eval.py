"""`prefprop eval`."""

from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import UsageError


def command(
    context: typer.Context,
    *,
    run: o.FinishedRun = None,
    split: Annotated[str, o.option("Split to evaluate on.", metavar="NAME")] = "test",
    data: Annotated[
        Path | None, o.option("Documents of your own, instead of a split.", metavar="PATH")
    ] = None,
    text_column: o.TextColumn = None,
    label_column: Annotated[
        str | None, o.option("Column of the labels; default: that of the run.", metavar="NAME")
    ] = None,
    batch_size: o.BatchSize = None,
    compare: Annotated[
        list[Path] | None,
        o.option(
            "A run, or a folder of runs, to set beside it; may be given more than once.",
            metavar="RUN",
            offers=completion.runs,
        ),
    ] = None,
    fail_below: Annotated[
        list[str] | None,
        o.option("Exit with 8 if the metric is lower, e.g. accuracy=0.8.", metavar="METRIC=X"),
    ] = None,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Evaluate a run: metrics with 95 % intervals, then every class.

    Without RUN, the newest finished one of ./runs. With --compare, its seeds beside those
    of other runs: paired over documents, tested over seeds.

    In a pipe, rows of metric, value, low, high, the paper's figure; first those of all documents,
    then precision[CLASS], recall[CLASS], f1[CLASS] and support[CLASS] of every class.

    Example: prefprop eval runs/demo-1 --fail-below accuracy=0.6
    """
    console: Console = context.obj
    gates = o.gates(fail_below, flag="--fail-below")
    if not data and (text_column or label_column):
        raise UsageError("--text-column and --label-column are of the file that --data names")
    if data and compare:
        raise UsageError("--data and --compare: runs are compared on a split of their own data")
    o.check_paths(compare or [], flag="--compare")
    folder = o.finished_run(console, run)
    from prefprop_cli.cli.work import eval as work

    machine = work.Machine(backbone, device, batch_size)
    documents = work.OwnDocuments(data, text_column, label_column) if data else split
    found = work.evaluate(console, folder, documents, machine=machine)
    work.check_names(found, gates)
    page = None
    if compare:
        page = work.compare_runs([folder.path, *compare], split=split, machine=machine)
    work.tell(console, folder, found, page)
    work.check_gates(found, gates)
