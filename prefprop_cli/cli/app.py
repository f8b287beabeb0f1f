"""The command line: its commands in the order of work, and the one way in and out of a process."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from prefprop_cli import __version__
from prefprop_cli.cli import completion, process, signals
from prefprop_cli.cli.command import Command, built, coloured
from prefprop_cli.cli.console import Console, OutputClosed, output_failure
from prefprop_cli.cli.failures import report
from prefprop_cli.cli.suggest import command_suggested
from prefprop_cli.errors import PrefpropError

COMMANDS = {
    "Experiments": ("presets", "init", "prepare", "train", "sweep"),
    "Results": ("runs", "show", "eval", "calibrate", "report", "predict"),
    "Machine": ("bench", "doctor"),
}
"""By heading; each is the function `command` in the module `commands.NAME`."""


NAMES = [name for names in COMMANDS.values() for name in names]


class Commands(Mapping[str, Command]):
    """The commands by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> Command:
        if name not in NAMES:
            raise KeyError(name)
        return built(name, import_module(f"prefprop_cli.cli.commands.{name}").command)

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class Program(TyperGroup):
    """The program: a group of commands that are imported when they are needed."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = Commands()  # type: ignore[assignment]

    def get_help(self, ctx: Any) -> str:
        """Return the help text, coloured if the standard output takes it."""
        return coloured(super().get_help(ctx), ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is named first; documents in its place are what `train` takes."""
        with command_suggested(args):
            return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with one line each, under their headings."""
        width = max(map(len, self.commands))
        for heading, names in COMMANDS.items():
            limit = formatter.width - 4 - width
            rows = [(n.ljust(width), self.commands[n].get_short_help_str(limit)) for n in names]
            with formatter.section(heading):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=Program,
    add_completion=False,
    add_help_option=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program, by default with the arguments of the process; return its exit code."""
    process.repair_streams()
    signals.leave_on_signals()
    process.set_up()
    if completion.VARIABLE in os.environ:
        completion.register_shells()
    code = 0
    try:
        app(args=arguments, prog_name="prefprop")
    except SystemExit as leave:
        # So Typer answers a broken pipe while it prints a help text.
        is_broken_pipe = isinstance(leave.__context__, BrokenPipeError)
        code = OutputClosed.exit_code if is_broken_pipe else int(leave.code or 0)
    except PrefpropError as failure:
        code = report(failure, Console())
    except OSError as failure:
        code = report(output_failure(failure), Console())
    process.settle_streams()
    return code


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"prefprop {__version__}")
        raise typer.Exit


def _show_help(context: typer.Context, wanted: bool) -> None:
    if wanted:
        typer.echo(context.get_help(), color=context.color)
        raise typer.Exit


@app.callback()
def prefprop(
    context: typer.Context,
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
    if context.invoked_subcommand is None:
        from prefprop_cli.cli.screen import screen

        Console().result(screen())
