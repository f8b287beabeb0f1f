"""`prefprop predict`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="Text, .jsonl, .csv, .tsv or .parquet, or a folder; - is stdin.",
        ),
    ] = None,
    run: Annotated[
        Path | None,
        o.run_option(
            "--run", "Run folder; default: the newest finished one.", envvar="PREFPROP_RUN"
        ),
    ] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Each line of a .txt file is a document.")
    ] = False,
    text_column: o.TextColumn = None,
    top_k: Annotated[
        int, typer.Option(min=1, metavar="N", help="Labels to show for each document.")
    ] = 1,
    batch_size: o.BatchSize = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first document that cannot be read.")
    ] = False,
    errors: Annotated[
        Literal["strict", "replace"], typer.Option(help="What to do with bytes that are not UTF-8.")
    ] = "strict",
    uncalibrated: Annotated[
        bool, typer.Option("--uncalibrated", help="The raw probabilities, as if never calibrated.")
    ] = False,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Predict the label of documents, one line each, in order.

    Example: prefprop predict *.txt --json
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import predict as work

    work.run(
        console,
        files=files or [],
        run=run,
        lines=lines,
        text_column=text_column,
        top_k=top_k,
        batch_size=batch_size,
        strict=strict,
        errors=errors,
        uncalibrated=uncalibrated,
        backbone=backbone,
        device=device,
    )
