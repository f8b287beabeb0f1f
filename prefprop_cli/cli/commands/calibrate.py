"""`prefprop calibrate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from prefprop_cli.cli import completion
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Console


def command(
    context: typer.Context,
    *,
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run folders; the others are compared with the first.",
            autocompletion=completion.runs,
        ),
    ],
    split: Annotated[str, typer.Option(metavar="NAME", help="Split to report on.")] = "test",
    bins: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Bins of the errors (eval.bins).")
    ] = None,
    method: Annotated[
        Literal[
            "auto",
            "none",
            "temperature",
            "platt",
            "vector",
            "dirichlet",
            "histogram",
            "isotonic",
        ],
        typer.Option(
            help="How to calibrate; auto: the simplest that none beats in cross-validation."
        ),
    ] = "temperature",
    ece: Annotated[
        Literal["guo", "paper"],
        typer.Option(help="Which definition of the error the table starts with."),
    ] = "guo",
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg|png", help="Draw the reliability diagram.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write all there is to say as one HTML file."),
    ] = None,
    allow_same_split: Annotated[
        bool,
        typer.Option(
            "--allow-same-split", help="Report on validation, by what was fitted on other folds."
        ),
    ] = False,
    fail_above: Annotated[
        float | None,
        typer.Option(metavar="X", help="Exit with 8 if the error stays above."),
    ] = None,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Measure calibration, before and after what was fitted for it.

    It is fitted on validation and stored in the run; `predict` uses it.

    Example: prefprop calibrate runs/demo-1 --plot reliability.svg
    """
    console: Console = context.obj
    from prefprop_cli.cli.work import calibrate as work

    work.run(
        console,
        runs=runs,
        asked=work.Asked(
            split=split,
            bins=bins,
            method=method,
            ece=ece,
            allow_same_split=allow_same_split,
            backbone=backbone,
            device=device,
        ),
        plot=plot,
        report=report,
        fail_above=fail_above,
    )
