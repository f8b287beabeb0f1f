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
        o.option("A backbone with random weights, instead of a run or preset.", panel=SUBJECTS),
    ] = None,
    lengths: Annotated[
        str | None,
        o.option(
            "Positions per document, placeholders included; default: 512,1024,2048,4096.",
            metavar="N,N",
            panel=DOCUMENTS,
        ),
    ] = None,
    batch_size: Annotated[
        int, o.option("Documents at a time.", least=1, metavar="N", panel=DOCUMENTS)
    ] = 1,
    warmup: Annotated[
        int, o.option("Passes before the clock starts.", least=0, metavar="N", panel=TIMING)
    ] = 2,
    repeat: Annotated[int, o.option("Passes that count.", least=1, metavar="N", panel=TIMING)] = 10,
    train: Annotated[
        str | None,
        o.option(
            "Forward and backward, to the prefix or to every weight; prefix,full: both.",
            metavar="prefix|full",
            panel=TIMING,
        ),
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16"],
        o.option("Of ours; transformers computes in float32.", panel=TIMING),
    ] = "float32",
    against: Annotated[
        Literal["transformers"] | None, o.option("Time another library beside it.", panel=SUBJECTS)
    ] = None,
    memory: Annotated[
        bool, o.option("Measure the peak of each, with its model alone in memory.", panel=TIMING)
    ] = True,
    device: o.Device = "auto",
) -> None:
    """Measure speed and memory at several document lengths.

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
