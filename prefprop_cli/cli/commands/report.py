"""`prefprop report`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import UsageError

FILES = (".md", ".json", *o.PICTURES)


def command(
    context: typer.Context,
    *,
    paths: Annotated[
        list[Path] | None,
        o.argument(
            "Run folders, folders that hold some, FILE.json of benchmarks/table_7.py; default: the "
            "newest finished run of ./runs.",
            "RUN",
            completion.runs,
        ),
    ] = None,
    table: Annotated[
        Literal["2", "3", "7"] | None,
        o.option("Scores, calibration error or inference time; default: all three."),
    ] = None,
    figure: Annotated[
        Literal["2", "3", "4"] | None, o.option("Seeds, document lengths or error along training.")
    ] = None,
    split: o.Split = "test",
    out: Annotated[
        Path | None,
        o.option("Write .md, .json, .svg, .png, or a folder with all.", metavar="FILE|DIR"),
    ] = None,
    html: Annotated[
        Path | None,
        o.option(
            "Write one run as a page that needs no network, and print its path.",
            metavar="FILE.html",
        ),
    ] = None,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Make the paper's tables and figures from runs of your own.

    Methods are compared with propagation: differences with intervals, tests over seeds, and what
    these seeds could have shown. Runs that were not evaluated on the split are. Without RUN, that
    of the newest finished run of ./runs.

    With --html, one run on one page: learning curves, classes, calibration, worst documents.

    Example: prefprop report runs --table 2 --out table-2.md
    """
    console: Console = context.obj
    given = {"table": table, "figure": figure}
    asked = [f"{kind}-{number}" for kind, number in given.items() if number]
    if html:
        _check_html(html, paths or (), others=[table, figure, out])
    if out:
        _check_out(out, asked)
    o.check_paths(paths or ())
    if html or not paths:
        paths = [o.finished_run(console, paths[0] if paths else None).path]
    from prefprop_cli.cli.work import report as work

    machine = work.Machine(backbone, device)

    if html:
        work.write_page(console, paths[0], html, split=split, machine=machine)
        return
    work.print_report(
        console, paths, asked, split=split, out=out, is_folder=_is_folder(out), machine=machine
    )


def _check_html(html: Path, paths: Sequence[Path], *, others: Sequence[object]) -> None:
    if any(others):
        raise UsageError("--html is all of one run. Leave out --table, --figure and --out")
    if len(paths) > 1:
        raise UsageError("--html is of one run. Name one at a time")
    o.check_file(html, flag="--html", endings=(".html", ".htm"))


def _check_out(out: Path, asked: Sequence[str]) -> None:
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if there.is_dir() and not os.access(there, os.W_OK):
        raise UsageError(f"--out {out}: the folder {there} cannot be written to")
    if there != out and not there.is_dir():
        raise UsageError(f"--out {out}: {there} is a file, not a folder")
    if _is_folder(out):
        return
    if out.suffix not in FILES:
        raise UsageError(f"--out {out}: use a name that ends in {', '.join(FILES)}, or a folder")
    if out.suffix in o.PICTURES and (len(asked) != 1 or asked[0].startswith("table")):
        raise UsageError(
            f"--out {out} holds one figure. Name one, such as --figure 2, or a folder for all"
        )


def _is_folder(out: Path | None) -> bool:
    return out is not None and (out.is_dir() or not out.suffix)
