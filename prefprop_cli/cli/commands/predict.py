"""`prefprop predict`."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import DataError, UsageError
from prefprop_cli.tables import Errors

OUTPUT = "Output"
_RUN_FILES = ("manifest.json", "config.toml")


def command(
    context: typer.Context,
    *,
    files: Annotated[
        list[str] | None,
        o.argument("Text, .jsonl, .csv, .tsv or .parquet, or a folder; - is stdin.", "FILE"),
    ] = None,
    run: Annotated[
        Path | None,
        o.option(
            "Run folder; default: the newest finished one.",
            "--run",
            metavar="RUN",
            offers=completion.runs,
            variable="PREFPROP_RUN",
        ),
    ] = None,
    watch: Annotated[
        Path | None,
        o.option("Predict what is in a folder and appears in it, until Ctrl-C.", metavar="FOLDER"),
    ] = None,
    uncalibrated: Annotated[
        bool, o.option("The raw probabilities, as if never calibrated.", "--uncalibrated")
    ] = False,
    strict: Annotated[
        bool, o.option("Stop at the first document that cannot be read.", "--strict")
    ] = False,
    out: Annotated[
        Path | None,
        o.option(
            "Write a copy of the input with labels, and print its name instead of rows.",
            metavar="FILE.csv|jsonl|parquet",
            panel=OUTPUT,
        ),
    ] = None,
    force: Annotated[bool, o.option("Replace the file of --out.", "--force", panel=OUTPUT)] = False,
    top_k: Annotated[
        int, o.option("Labels to show for each document.", least=1, metavar="N", panel=OUTPUT)
    ] = 1,
    lines: Annotated[
        bool, o.option("Each line of a file is a document.", "--lines", panel=o.DATA)
    ] = False,
    text_column: o.TextColumn = None,
    errors: Annotated[
        Errors, o.option("What to do with bytes that are no UTF-8 or UTF-16.", panel=o.DATA)
    ] = "strict",
    backbone: o.Backbone = None,
    batch_size: o.BatchSize = None,
    device: o.Device = "auto",
) -> None:
    """Predict the label of documents, one line each, in order.

    Example: prefprop predict new.csv --out labelled.csv
    """
    console: Console = context.obj
    sources = _sources(files or [], watch)
    _check_out(out, sources, force=force, watch=watch)
    # One of several that is missing has a row of its own.
    if not any(source == "-" or os.path.lexists(source) for source in sources):
        from prefprop_cli.data.own import meant

        raise DataError(f"{sources[0]}: no such file or folder. {meant(sources[0])}".rstrip(". "))
    console.wait("loading the model ...")
    from prefprop_cli.cli.work import predict as work

    reading = work.Reading(lines, errors, text_column)
    loaded = work.opened_run(console, run, sources, reading, device=device, backbone=backbone)
    reader = loaded.task.file_reader(loaded.plan.config.data, reading)
    request = work.PredictionRequest(top_k, batch_size, strict, uncalibrated)
    if watch:
        work.watch(console, loaded, reader, watch, request)
        return
    inputs = work.Inputs(sources, reader, without=out)
    if out:
        work.predict_copy(console, loaded, inputs, request, out=out, force=force)
    else:
        work.predict_rows(console, loaded, inputs, request)


def _sources(files: Sequence[str], watch: Path | None) -> Sequence[str]:
    """Name where documents come from: files, the watched folder or stdin; or raise a UsageError."""
    if watch:
        _check_watch(watch, files)
        return [str(watch)]
    if not files and sys.stdin.isatty():
        raise UsageError(
            "no documents: name files or folders (prefprop predict new.csv), or - for standard "
            "input"
        )
    for file in files:
        if file and all(os.path.isfile(os.path.join(file, name)) for name in _RUN_FILES):
            raise UsageError(
                f"{file} is a run, not documents: prefprop predict --run {shlex.quote(file)} FILE"
            )
    return files or ["-"]


def _check_watch(folder: Path, files: Sequence[str]) -> None:
    if files:
        raise UsageError(
            f"--watch {folder}: name the folder alone. For {files[0]}: prefprop predict {files[0]}"
        )
    from prefprop_cli.runs.distributed import world

    if world().size > 1:
        raise UsageError("--watch works in one process. Start it without torchrun")
    if not folder.is_dir():
        raise UsageError(f"--watch {folder}: there is no such folder. Make it first")


def _check_out(
    out: Path | None, sources: Sequence[str], *, force: bool, watch: Path | None
) -> None:
    """See that a copy can be written, before anything is loaded, or raise a UsageError."""
    if out is None:
        if force:
            raise UsageError("--force replaces the file of --out. Name one: --out labelled.csv")
        return
    if watch:
        raise UsageError(f"--out {out}: --watch prints rows. Keep them with > {out.stem}.tsv")
    from prefprop_cli.data.labelled import ENDINGS, part_of

    o.check_file(out, flag="--out", endings=ENDINGS)
    for source in sources:
        if source != "-" and not os.path.exists(source):
            raise UsageError(f"{source}: no such file or folder; nothing was started")
        if source != "-" and out.exists() and os.path.samefile(source, out):
            raise UsageError(f"--out {out}: this is what is to be predicted. Name another file")
    for path in (out, part_of(out)):
        if os.path.lexists(path) and not force:
            raise UsageError(f"--out {out}: {path} is there. Name another file, or add --force")
