"""`prefprop bench`: documents and tokens per second and peak memory."""

from typing import Annotated, Literal

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import UsageError

DEFAULT_LENGTHS = (512, 1024, 2048, 4096)
SUBJECTS, DOCUMENTS, TIMING = "What is measured", "Documents", "How"


def command(
    context: typer.Context,
    *,
    run: o.OptionalRun = None,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    shape: Annotated[
        Literal["longformer-base", "minilm"] | None,
        typer.Option(
            rich_help_panel=SUBJECTS,
            help="A backbone with random weights, instead of a run or preset.",
        ),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(
            metavar="N,N",
            rich_help_panel=DOCUMENTS,
            help="Positions per document, placeholders included; default: 512,1024,2048,4096.",
        ),
    ] = None,
    batch_size: Annotated[
        int,
        typer.Option(min=1, metavar="N", rich_help_panel=DOCUMENTS, help="Documents at a time."),
    ] = 1,
    warmup: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", rich_help_panel=TIMING, help="Passes before the clock starts."
        ),
    ] = 2,
    repeat: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            rich_help_panel=TIMING,
            help="Passes that count.",
        ),
    ] = 10,
    train: Annotated[
        str | None,
        typer.Option(
            metavar="prefix|full",
            rich_help_panel=TIMING,
            help="Forward and backward, to the prefix or to every weight; prefix,full: both.",
        ),
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(rich_help_panel=TIMING, help="Of ours; transformers computes in float32."),
    ] = "float32",
    against: Annotated[
        Literal["transformers"] | None,
        typer.Option(rich_help_panel=SUBJECTS, help="Time another library beside it."),
    ] = None,
    memory: Annotated[
        bool,
        typer.Option(
            rich_help_panel=TIMING,
            help="Measure the peak of each, with its model alone in memory.",
        ),
    ] = True,
    device: o.Device = "auto",
) -> None:
    """Measure documents and tokens per second and peak memory, on this machine.

    Subjects take turns. Ratios compare times per document with the first row of a length; each
    figure has its 95 % interval, and --json has everything.

    Example: prefprop bench -p demo --lengths 512,4096 --against transformers

    \b
    More:
        prefprop bench RUN --train prefix,full
        prefprop bench --shape longformer-base --lengths 4096 --against transformers
    """  # noqa: D301
    console: Console = context.obj
    backbones = {"RUN": run, "--preset": preset, "--shape": shape}
    if len(named := [name for name, value in backbones.items() if value]) > 1:
        raise UsageError(f"{' and '.join(named)} each name a backbone. Give one of them")
    sizes = o.integers(lengths, flag="--lengths") if lengths else DEFAULT_LENGTHS
    steps = _steps_of(train)
    from prefprop_cli.cli.work import bench as work

    request = work.request_of(
        run,
        preset,
        overrides,
        shape=shape,
        steps=steps,
        dtype=dtype,
        against=against is not None,
        device=device,
    )
    groups = work.at_lengths(request, sizes, batch_size=batch_size)
    work.bench(console, request, groups, warmup=warmup, repeat=repeat, memory=memory)


def _steps_of(train: str | None) -> tuple[Literal["prefix", "full"], ...]:
    known: dict[str, Literal["prefix", "full"]] = {"prefix": "prefix", "full": "full"}
    names = [name.strip() for name in train.split(",")] if train else []
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"--train {train}: no step {unknown[0]!r}. Use prefix, full or prefix,full"
        )
    return tuple(dict.fromkeys(known[name] for name in names))
