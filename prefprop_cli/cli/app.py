"""The command line: every command with its flags; what a command does is in its own module."""

import inspect
import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Literal

import typer

from prefprop_cli import __version__
from prefprop_cli.cli import completion, once, runtime, signals, streams
from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Common, Console, OutputClosed, output_failure
from prefprop_cli.cli.failures import report
from prefprop_cli.notes import heard_by
from prefprop_cli.parallel import world

app = typer.Typer(
    add_completion=False,
    add_help_option=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the entry point of `prefprop`.

    Args:
        arguments: default: those of the process.

    Returns:
        the exit code.
    """
    streams.repair()
    signals.leave_on_signals()
    runtime.set_up()
    if completion.VARIABLE in os.environ:
        completion.register_shells()
    code = _run(arguments)
    streams.settle()
    return code


def _run(arguments: Sequence[str] | None) -> int:
    try:
        app(args=arguments, prog_name="prefprop")
    except SystemExit as leave:
        # So Typer answers a broken pipe while it prints a help text.
        is_broken_pipe = isinstance(leave.__context__, BrokenPipeError)
        return OutputClosed.exit_code if is_broken_pipe else int(leave.code or 0)
    except OSError as failure:
        return report(output_failure(failure), Console())
    return 0


def _command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command: give it the common flags, a console, and an end without a traceback."""

    @wraps(function)
    def command(*, json: bool, quiet: bool, verbose: bool, debug: bool, **values: object) -> None:
        common = Common(json=json, quiet=quiet, verbose=verbose, debug=debug)
        console = Console(common) if world().is_main else Console.silent(common)
        try:
            with heard_by(console):
                function(console, **values)
        except (Exception, KeyboardInterrupt) as failure:
            teller = Console(common) if world().tells(failure) else console
            raise typer.Exit(report(failure, teller)) from failure

    own = list(inspect.signature(function).parameters.values())[1:]
    common = inspect.signature(_common_flags).parameters.values()
    vars(command)["__signature__"] = inspect.Signature([*own, *common])
    return app.command(function.__name__.rstrip("_"), cls=once.Command)(command)


def _common_flags(
    *,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None: ...


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"prefprop {__version__}")
        raise typer.Exit


def _show_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(context.get_help())
        raise typer.Exit


@app.callback()
def prefprop(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
    # Typer's own is None where it is not given, and to check that costs the 60 ms of pydantic
    # in the help of every command.
    help: Annotated[
        bool,
        typer.Option("-h", "--help", is_eager=True, callback=_show_help, help="Show this message."),
    ] = False,
) -> None:
    """Parameter-efficient tuning of long-document encoders.

    Results go to stdout, everything else to stderr. Begin with:

    \b
        run=$(prefprop train -p demo)
        prefprop eval "$run"
        prefprop predict speech.txt
    """  # noqa: D301


@_command
def presets(
    console: Console,
    *,
    name: o.PresetName = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="List every key with its type, default and meaning.")
    ] = False,
) -> None:
    """List the presets, or print one.

    Example: prefprop presets demo > my.toml
    """
    from prefprop_cli.cli import presets as command

    command.run(console, name=name, schema=schema)


@_command
def prepare(
    console: Console,
    *,
    name: o.PresetName = None,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Prepared folder; default: in the cache.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Documents per split (data.limit).")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Prepare again what is prepared already.")
    ] = False,
) -> None:
    """Read, split, audit and tokenise a data set.

    Example: prefprop prepare newsgroups --source 20news-bydate.tar.gz
    """
    from prefprop_cli.cli import prepare as command

    command.run(
        console,
        name=name,
        preset=preset,
        overrides=overrides or [],
        source=source,
        out=out,
        limit=limit,
        force=force,
    )


@_command
def train(
    console: Console,
    *,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Run folder; default: a new one in ./runs.")
    ] = None,
    resume: Annotated[
        Path | None,
        o.run_option(
            "--resume",
            "Go on with this run from its last checkpoint.",
            offers=completion.runs_to_resume,
        ),
    ] = None,
    device: o.Device = "auto",
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Seed of this run (train.seed).")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Train nothing: print the configuration, the lengths and the memory it takes.",
        ),
    ] = False,
    offline: o.Offline = False,
) -> None:
    """Train a method on a data set and print the run folder.

    Ctrl-C saves a checkpoint and prints the command that goes on; a second one stops at once.

    Example: prefprop train -p demo -s method.prefix_length=16
    """
    from prefprop_cli.cli import train as command

    command.run(
        console,
        preset=preset,
        overrides=overrides or [],
        source=source,
        out=out,
        resume=resume,
        device=device,
        seed=seed,
        dry_run=dry_run,
        offline=offline,
    )


@_command
def sweep(
    console: Console,
    *,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    source: o.Source = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Sweep folder; default: sweeps/NAME.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL|FILE", help="Where trials are kept; default: DIR/sweep.journal."),
    ] = None,
    device: o.Device = "auto",
    offline: o.Offline = False,
) -> None:
    """Run searches and seeds ([sweep]), print the best run folder.

    Start it as often as there are GPUs or machines: all share the trials. Started again after a
    crash or Ctrl-C, it goes on where it was. Machines without a common folder share a database:
    --storage postgresql://HOST/NAME.

    Example: prefprop sweep -p hyperpartisan -s sweep.seeds=[0,1,2]
    """
    from prefprop_cli.cli import sweep as command

    command.run(
        console,
        preset=preset,
        overrides=overrides or [],
        source=source,
        out=out,
        storage=storage,
        device=device,
        offline=offline,
    )


@_command
def eval_(
    console: Console,
    *,
    run: o.Run,
    split: Annotated[str, typer.Option(metavar="NAME", help="Split to evaluate on.")] = "test",
    data: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Documents of your own, instead of a split.")
    ] = None,
    text_column: o.TextColumn = None,
    label_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column of the labels; default: that of the run."),
    ] = None,
    batch_size: o.BatchSize = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="A run, or a folder of runs, to set beside it; may be given more than once.",
            autocompletion=completion.runs,
        ),
    ] = None,
    fail_below: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METRIC=X", help="Exit with 8 if the metric is lower, e.g. accuracy=0.8."
        ),
    ] = None,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Evaluate a run: each metric with its 95 % interval.

    With --compare, its line of seeds beside those of other runs: paired over documents, tested over
    seeds.

    Example: prefprop eval runs/demo-1 --fail-below accuracy=0.6
    """
    gates = o.gates(fail_below, flag="--fail-below")
    from prefprop_cli.cli import eval as command

    command.run(
        console,
        run=run,
        split=split,
        data=data,
        text_column=text_column,
        label_column=label_column,
        batch_size=batch_size,
        compare=compare or [],
        fail_below=gates,
        backbone=backbone,
        device=device,
    )


@_command
def calibrate(
    console: Console,
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
    from prefprop_cli.cli import calibrate as command

    command.run(
        console,
        runs=runs,
        asked=command.Asked(
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


@_command
def report_(
    console: Console,
    *,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="Run folders, folders that hold some, FILE.json of bench --table 7.",
            autocompletion=completion.runs,
        ),
    ],
    table: Annotated[
        Literal["2", "3", "7"] | None,
        typer.Option(help="Scores, calibration error or inference time; default: all three."),
    ] = None,
    figure: Annotated[
        Literal["2", "3", "4"] | None,
        typer.Option(help="Seeds, document lengths or error along training."),
    ] = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="Split to report on.")] = "test",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR", help="Write .md, .json, .svg, .png, or a folder with all."
        ),
    ] = None,
    backbone: o.Backbone = None,
    device: o.Device = "auto",
) -> None:
    """Make the paper's tables and figures from runs of your own.

    Methods are compared with propagation: differences with intervals, tests over seeds, and what
    these seeds could have shown. Runs that were not evaluated on the split are.

    Example: prefprop report runs --table 2 --out table-2.md
    """
    from prefprop_cli.cli import report as command

    command.run(
        console,
        paths=paths,
        table=table,
        figure=figure,
        split=split,
        out=out,
        backbone=backbone,
        device=device,
    )


@_command
def predict(
    console: Console,
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
    from prefprop_cli.cli import predict as command

    command.run(
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


@_command
def bench(
    console: Console,
    *,
    run: o.OptionalRun = None,
    preset: o.Preset = None,
    overrides: o.Overrides = None,
    shape: Annotated[
        Literal["longformer-base", "minilm"] | None,
        typer.Option(help="A backbone with random weights, instead of a run or preset."),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(
            metavar="N,N",
            help="Positions per document, placeholders included; default: 512,1024,2048,4096.",
        ),
    ] = None,
    like: Annotated[
        Literal["newsgroups", "hyperpartisan"] | None,
        typer.Option(help="Documents as long as those of a real set, instead of --lengths."),
    ] = None,
    documents: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many of them, with --like.")
    ] = 32,
    pad_to: Annotated[
        int | None,
        typer.Option(
            min=3, metavar="N", help="With --like, transformers padded to N tokens as well."
        ),
    ] = None,
    table: Annotated[
        Literal["7"] | None,
        typer.Option(help="The paper's: no PEFT, prefix-tuning, propagation, at 4096 text tokens."),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, metavar="N", help="Documents at a time.")] = 1,
    warmup: Annotated[
        int, typer.Option(min=0, metavar="N", help="Passes before the clock starts.")
    ] = 2,
    repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Passes that count.")] = 10,
    train: Annotated[
        str | None,
        typer.Option(
            metavar="prefix|full",
            help="Forward and backward, to the prefix or to every weight; prefix,full: both.",
        ),
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(help="Of ours; transformers computes in float32."),
    ] = "float32",
    against: Annotated[
        Literal["transformers"] | None, typer.Option(help="Time another library beside it.")
    ] = None,
    malloc: Annotated[
        Literal["installed", "tuned", "both"] | None,
        typer.Option(
            help="glibc as installed or tuned, as the program has it; default beside another: both."
        ),
    ] = None,
    memory: Annotated[
        bool,
        typer.Option(help="Measure the peak of each, alone in a process, malloc as installed."),
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
    sizes = o.integers(lengths, flag="--lengths") if lengths else None
    from prefprop_cli.cli import bench as command

    command.run(
        console,
        run=run,
        preset=preset,
        overrides=overrides or [],
        shape=shape,
        lengths=sizes,
        like=like,
        documents=documents,
        pad_to=pad_to,
        table=table,
        batch_size=batch_size,
        warmup=warmup,
        repeat=repeat,
        train=train,
        dtype=dtype,
        against=against is not None,
        malloc=malloc,
        memory=memory,
        device=device,
    )


@_command
def doctor(console: Console) -> None:
    """Show what this machine and this installation can do.

    Example: prefprop doctor --json
    """
    from prefprop_cli.cli import doctor as command

    command.run(console)
