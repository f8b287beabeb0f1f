"""`prefprop bench`: documents and tokens per second and peak memory."""

from collections.abc import Mapping
from typing import Annotated, Literal

import typer

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console
from prefprop_cli.errors import UsageError

DEFAULT_LENGTHS = (512, 1024, 2048, 4096)
TABLE_7_LENGTHS = (4096,)
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
    like: Annotated[
        Literal["newsgroups", "hyperpartisan"] | None,
        typer.Option(
            rich_help_panel=DOCUMENTS,
            help="Documents as long as those of a real set, instead of --lengths.",
        ),
    ] = None,
    documents: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", rich_help_panel=DOCUMENTS, help="How many of them, with --like."
        ),
    ] = 32,
    pad_to: Annotated[
        int | None,
        typer.Option(
            min=3,
            metavar="N",
            rich_help_panel=DOCUMENTS,
            help="With --like, transformers padded to N tokens as well.",
        ),
    ] = None,
    table: Annotated[
        Literal["7"] | None,
        typer.Option(
            rich_help_panel=SUBJECTS,
            help="The paper's: no PEFT, prefix-tuning, propagation, at 4096 text tokens.",
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
    malloc: Annotated[
        Literal["installed", "tuned", "both"] | None,
        typer.Option(
            rich_help_panel=TIMING,
            help="glibc as installed or as the program tunes it; default beside another: both.",
        ),
    ] = None,
    memory: Annotated[
        bool,
        typer.Option(
            rich_help_panel=TIMING,
            help="Measure the peak of each, alone in a process, malloc as installed.",
        ),
    ] = True,
    device: o.Device = "auto",
) -> None:
    """Measure speed and memory at several document lengths.

    Subjects take turns in one process. Ratios compare times per document with the first row of a
    length; each figure has its 95 % interval, and --json has everything.

    Example: prefprop bench -p demo --lengths 512,4096 --against transformers

    \b
    More:
        prefprop bench --shape longformer-base --lengths 4096 --train prefix,full
        prefprop bench --shape minilm --like newsgroups --train prefix --against transformers
        prefprop bench --shape longformer-base --table 7 --repeat 30
    """  # noqa: D301
    console: Console = context.obj
    _check_flags(
        like=like, lengths=lengths, pad_to=pad_to, table=table, against=against, train=train
    )
    _check_one_backbone({"RUN": run, "--preset": preset, "--shape": shape})
    sizes = o.integers(lengths, flag="--lengths") if lengths else None
    from prefprop_cli.cli.work import bench as work

    request = work.Request(
        config=work.configuration(run, preset, overrides),
        shape=shape,
        steps=work.steps_of(train),
        dtype=dtype,
        against=against is not None,
        device=work.resolve_device(device),
    )
    mallocs = work.mallocs_of(malloc, against=request.against, device=request.device)
    if table:
        what = f"table {table} of the paper"
        request, groups = work.table_7(request, sizes or TABLE_7_LENGTHS, batch_size=batch_size)
    elif like:
        what = f"documents as long as those of {like}"
        groups = work.like(
            request, like, n_documents=documents, batch_size=batch_size, pad_to=pad_to
        )
    else:
        what = "random documents"
        groups = work.at_lengths(request, sizes or DEFAULT_LENGTHS, batch_size=batch_size)
    job = request.job(groups).model_copy(update={"warmup": warmup, "repeat": repeat})
    rows = work.measure(console, request, groups, job, mallocs, memory=memory)
    work.tell(console, request, rows, documents=what, is_table_7=bool(table))


def _check_flags(
    *,
    like: str | None,
    lengths: str | None,
    pad_to: int | None,
    table: str | None,
    against: str | None,
    train: str | None,
) -> None:
    if like and lengths:
        raise UsageError(f"--like {like} has lengths of its own. Leave out --lengths")
    if pad_to and not like:
        raise UsageError(f"--pad-to {pad_to} pads real lengths. Add --like newsgroups, for example")
    others = {"--like": like, "--train": train, "--against": against}
    if table and (given := [flag for flag, value in others.items() if value]):
        raise UsageError(f"--table {table} is inference alone, ours. Leave out {', '.join(given)}")


def _check_one_backbone(given: Mapping[str, object]) -> None:
    if len(found := [name for name, value in given.items() if value]) > 1:
        raise UsageError(f"{' and '.join(found)} each name a backbone. Give one of them")
