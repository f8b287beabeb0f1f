"""The options and arguments that several commands share, and how their text is read."""

import math
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from prefprop_cli import tables
from prefprop_cli.cli import completion
from prefprop_cli.errors import UsageError

COMMON = "Common options"
CONFIGURATION = "Configuration"
DATA = "Data"
MACHINE = "Machine"

Json = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=COMMON, help="Print the result as one JSON document."),
]
Quiet = Annotated[
    bool,
    typer.Option("-q", "--quiet", rich_help_panel=COMMON, help="Show warnings and errors only."),
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", rich_help_panel=COMMON, help="Tell more of what happens.")
]
Debug = Annotated[
    bool, typer.Option("--debug", rich_help_panel=COMMON, help="Show the traceback of an error.")
]

Preset = Annotated[
    str | None,
    typer.Option(
        "-p",
        "--preset",
        metavar="NAME|FILE",
        rich_help_panel=CONFIGURATION,
        help="Preset (see `prefprop presets`), a TOML file, or - for standard input.",
        autocompletion=completion.presets,
    ),
]
PresetName = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A preset.", autocompletion=completion.presets),
]
Documents = Annotated[
    str | None,
    typer.Argument(
        metavar="FILE|FOLDER|HUB-NAME",
        help="Your documents: .csv .tsv .jsonl .json .parquet, a folder for each class, or a data "
        "set of the hub.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "-s",
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=CONFIGURATION,
        help="Set one key, e.g. train.lr=1e-3; repeatable.",
        autocompletion=completion.settings,
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        rich_help_panel=DATA,
        help="File, folder or hub name of the data (data.source).",
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=DATA,
        help="Column of the texts; default: that of the run.",
    ),
]
OwnTextColumn = Annotated[
    str | None,
    typer.Option(
        "--text-column",
        metavar="NAME",
        rich_help_panel=DATA,
        help="Column of the texts; default: found by name and content (data.text_column).",
    ),
]
OwnLabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label-column",
        metavar="NAME",
        rich_help_panel=DATA,
        help="Column of the labels; default: found by name and content (data.label_column).",
    ),
]
Errors = Annotated[
    tables.Errors | None,
    typer.Option(
        rich_help_panel=DATA, help="What to do with bytes that are no text (data.errors)."
    ),
]
Quick = Annotated[
    bool,
    typer.Option(
        "--quick",
        rich_help_panel=DATA,
        help="A first result soon: 512 tokens of each document, few epochs.",
    ),
]
Device = Annotated[
    str,
    typer.Option(metavar="NAME", rich_help_panel=MACHINE, help="auto, cpu, cuda, cuda:1 or mps."),
]
Offline = Annotated[
    bool,
    typer.Option(
        "--offline", rich_help_panel=MACHINE, help="Download nothing, use what is on the disk."
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        rich_help_panel=MACHINE,
        help="Where the backbone is now, if it has moved since training.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        rich_help_panel=MACHINE,
        help="Documents at a time (eval.batch_size).",
    ),
]
FinishedRun = Annotated[
    Path | None,
    typer.Argument(
        metavar="RUN",
        help="Run folder; default: the newest finished one of ./runs.",
        autocompletion=completion.runs,
    ),
]
OptionalRun = Annotated[
    Path | None,
    typer.Argument(metavar="RUN", help="Run folder.", autocompletion=completion.runs),
]

PICTURES = (".svg", ".png")


Seed = Annotated[int | None, typer.Option(min=0, metavar="N", help="Seed of the run (train.seed).")]


def run_option(
    flag: str,
    text: str,
    *,
    envvar: str | None = None,
    offers: Callable[[str], list[str]] = completion.runs,
) -> object:
    """An option that takes a run folder."""
    return typer.Option(flag, metavar="RUN", help=text, envvar=envvar, autocompletion=offers)


def stay_offline(offline: bool) -> None:
    """Keep the hub's libraries, which read this when they are imported, from the network."""
    if offline:
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")


def check_device(name: str) -> None:
    """See that this may be a device, before PyTorch, which knows, is imported.

    Raises:
        UsageError: it is not.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise UsageError(f"--device {name}: no such device here. Use auto, cpu, cuda or cuda:N")


def integers(text: str, *, flag: str) -> tuple[int, ...]:
    """Read positive integers with commas between them, e.g. `512,1024`.

    Raises:
        UsageError: an item is not a positive integer.
    """
    items = [item.strip() for item in text.split(",")]
    if not all(re.fullmatch("0*[1-9][0-9]{0,8}", item) for item in items):
        raise UsageError(f"{flag} {text}: expected positive integers, e.g. {flag} 512,1024")
    return tuple(map(int, items))


def gates(texts: list[str] | None, *, flag: str) -> dict[str, float]:
    """Read limits such as `accuracy=0.8`, one for each metric.

    Raises:
        UsageError: an item is not a metric and a number, or a metric has two.
    """
    found = [_gate(text, flag) for text in texts or ()]
    for metric, times in Counter(metric for metric, _ in found).items():
        if times > 1:
            raise UsageError(f"{flag} {metric}: given {times} times. Give each metric one limit")
    return dict(found)


def check_paths(paths: Sequence[Path], *, flag: str = "") -> None:
    """See that files and folders are there, before anything large is imported.

    Raises:
        UsageError: one is not.
    """
    for path in paths:
        if not os.path.lexists(path):
            named = f"{flag} {path}".strip()
            raise UsageError(
                f"{named} does not exist. See `prefprop runs`, or `prefprop runs FOLDER`"
            )


def check_file(path: Path, *, flag: str, endings: Sequence[str]) -> None:
    """See that a file can be written, before the work whose result it is to hold.

    Raises:
        UsageError: its name has another ending, or its folder is not there or cannot be written to.
    """
    if path.suffix not in endings:
        raise UsageError(f"{flag} {path}: use a name that ends in {' or '.join(endings)}")
    if path.is_dir():
        raise UsageError(f"{flag} {path}: this is a folder. Name a file")
    if not path.parent.is_dir():
        raise UsageError(f"{flag} {path}: there is no folder {path.parent}. Make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{flag} {path}: the folder {path.parent} cannot be written to")


def _gate(text: str, flag: str) -> tuple[str, float]:
    metric, _, limit = (part.strip() for part in text.partition("="))
    try:
        number = float(limit)
    except ValueError:
        number = math.nan
    if not metric or not math.isfinite(number):
        raise UsageError(f"{flag} {text}: expected METRIC=NUMBER, e.g. {flag} accuracy=0.8")
    return metric, number
