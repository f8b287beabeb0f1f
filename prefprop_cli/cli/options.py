"""The options and arguments that several commands share, and how what they name is read."""

import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefprop_cli import tables
from prefprop_cli.cli import completion
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import UsageError

if TYPE_CHECKING:
    from prefprop_cli.runs import Choice, RunFolder

COMMON = "Common options"
CONFIGURATION = "Configuration"
DATA = "Data"
MACHINE = "Machine"

PICTURES = (".svg", ".png")


def option(
    text: str,
    *flags: str,
    metavar: str | None = None,
    panel: str | None = None,
    least: int | None = None,
    offers: Callable[[str], Any] | None = None,
    variable: str | None = None,
) -> Any:
    """Describe an option: its help, its flags if not those of its name, and Typer's words for it.

    `panel` is a heading of the help, `variable` one of the environment that stands in for it.
    """
    return typer.Option(
        *flags,
        help=text,
        metavar=metavar,
        rich_help_panel=panel,
        min=least,
        autocompletion=offers,
        envvar=variable,
    )


def argument(text: str, metavar: str, offers: Callable[[str], Any] | None = None) -> Any:
    """Describe an argument."""
    return typer.Argument(metavar=metavar, help=text, autocompletion=offers)


Json = Annotated[bool, option("Print the result as one JSON document.", "--json", panel=COMMON)]
Quiet = Annotated[bool, option("Show warnings and errors only.", "-q", "--quiet", panel=COMMON)]
Verbose = Annotated[bool, option("Tell more of what happens.", "-v", "--verbose", panel=COMMON)]
Debug = Annotated[bool, option("Show the traceback of an error.", "--debug", panel=COMMON)]

Preset = Annotated[
    str | None,
    option(
        "Preset (see `prefprop presets`), a TOML file, or - for standard input.",
        *("-p", "--preset"),
        metavar="NAME|FILE",
        panel=CONFIGURATION,
        offers=completion.presets,
    ),
]
PresetName = Annotated[str | None, argument("A preset.", "NAME", completion.presets)]
Documents = Annotated[
    str | None,
    argument(
        "Your documents: .csv .tsv .jsonl .json .parquet, a folder for each class, or a data set "
        "of the hub.",
        "FILE|FOLDER|HUB-NAME",
    ),
]
Overrides = Annotated[
    list[str] | None,
    option(
        "Set one key, e.g. train.lr=1e-3; repeatable.",
        *("-s", "--set"),
        metavar="KEY=VALUE",
        panel=CONFIGURATION,
        offers=completion.settings,
    ),
]
Source = Annotated[
    str | None,
    option("File, folder or hub name of the data (data.source).", metavar="PATH", panel=DATA),
]
TextColumn = Annotated[
    str | None, option("Column of the texts; default: that of the run.", metavar="NAME", panel=DATA)
]
OwnTextColumn = Annotated[
    str | None,
    option(
        "Column of the texts; default: found by name and content (data.text_column).",
        metavar="NAME",
        panel=DATA,
    ),
]
OwnLabelColumn = Annotated[
    str | None,
    option(
        "Column of the labels; default: found by name and content (data.label_column).",
        metavar="NAME",
        panel=DATA,
    ),
]
Errors = Annotated[
    tables.Errors | None,
    option("What to do with bytes that are no text (data.errors).", panel=DATA),
]
Quick = Annotated[
    bool,
    option("A first result soon: 512 tokens of each document, few epochs.", "--quick", panel=DATA),
]
Split = Annotated[str, option("Split to report on.", metavar="NAME")]
Device = Annotated[str, option("auto, cpu, cuda, cuda:1 or mps.", metavar="NAME", panel=MACHINE)]
Offline = Annotated[
    bool, option("Download nothing, use what is on the disk.", "--offline", panel=MACHINE)
]
Backbone = Annotated[
    str | None,
    option(
        "Where the backbone is now, if it has moved since training.", metavar="PATH", panel=MACHINE
    ),
]
BatchSize = Annotated[
    int | None,
    option("Documents at a time (eval.batch_size).", metavar="N", panel=MACHINE, least=1),
]
FinishedRun = Annotated[
    Path | None,
    argument("Run folder; default: the newest finished one of ./runs.", "RUN", completion.runs),
]
OptionalRun = Annotated[Path | None, argument("Run folder.", "RUN", completion.runs)]
Seed = Annotated[int | None, option("Seed of the run (train.seed).", metavar="N", least=0)]


def finished_run(console: Console, named: Path | None) -> "RunFolder":
    """Open a run that was trained to its end, before anything large is imported.

    Of several processes the first looks, and all get the run. None stands for the one of
    PREFPROP_RUN, else the newest finished one of `./runs`; the console says which it is.

    Raises:
        UsageError: there is none; or it is no run, not finished, or its configuration was changed.
        CorruptFileError: its manifest is damaged.
    """
    from prefprop_cli.runs import choose_run
    from prefprop_cli.runs.distributed import world

    choice = world().on_main(lambda: choose_run(named))
    if choice.because != "named":
        console.info(f"run: {choice.folder.path} ({choice.because})")
    tell_passed_over(console, choice)
    choice.folder.trained_adapter  # noqa: B018 - says what is wrong with it
    return choice.folder


def tell_passed_over(console: Console, choice: "Choice") -> None:
    """Say that a newer run was not taken, how far it is and how to go on with it."""
    from prefprop_cli.runs.state import again, state_of

    if newer := choice.passed_over:
        state = state_of(newer.path, newer.manifest)
        goes_on = "" if state.process else f". Go on with it: {again(newer.path)}"
        console.info(f"passed over: {newer.path}, newer, {state}{goes_on}")


def stay_offline(offline: bool) -> None:
    """Keep the hub's libraries, which read this when they are imported, from the network."""
    if offline:
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")


def check_device(name: str) -> None:
    """See that this may be a device, before PyTorch, which knows, is imported; or a UsageError."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise UsageError(f"--device {name}: no such device here. Use auto, cpu, cuda or cuda:N")


def integers(text: str, *, flag: str) -> tuple[int, ...]:
    """Read positive integers with commas between them, e.g. `512,1024`, or raise a UsageError."""
    items = [item.strip() for item in text.split(",")]
    if not all(re.fullmatch("0*[1-9][0-9]{0,8}", item) for item in items):
        raise UsageError(f"{flag} {text}: expected positive integers, e.g. {flag} 512,1024")
    return tuple(map(int, items))


def gates(texts: list[str] | None, *, flag: str) -> dict[str, float]:
    """Read limits such as `accuracy=0.8`, one for each metric, or raise a UsageError."""
    found: dict[str, float] = {}
    for text in texts or ():
        metric, _, limit = (part.strip() for part in text.partition("="))
        try:
            number = float(limit)
        except ValueError:
            number = math.nan
        if not metric or not math.isfinite(number):
            raise UsageError(f"{flag} {text}: expected METRIC=NUMBER, e.g. {flag} accuracy=0.8")
        if metric in found:
            times = sum(other.partition("=")[0].strip() == metric for other in texts or ())
            raise UsageError(f"{flag} {metric}: given {times} times. Give each metric one limit")
        found[metric] = number
    return found


def check_paths(paths: Sequence[Path], *, flag: str = "") -> None:
    """See that all are there before anything large is imported, or raise a UsageError."""
    for path in paths:
        if not os.path.lexists(path):
            named = f"{flag} {path}".strip()
            raise UsageError(
                f"{named} does not exist. See `prefprop runs`, or `prefprop runs FOLDER`"
            )


def check_file(path: Path, *, flag: str, endings: Sequence[str]) -> None:
    """See that a file with one of these endings can be written, or raise a UsageError."""
    if path.suffix not in endings:
        raise UsageError(f"{flag} {path}: use a name that ends in {' or '.join(endings)}")
    if path.is_dir():
        raise UsageError(f"{flag} {path}: this is a folder. Name a file")
    if not path.parent.is_dir():
        raise UsageError(f"{flag} {path}: there is no folder {path.parent}. Make it first")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{flag} {path}: the folder {path.parent} cannot be written to")
