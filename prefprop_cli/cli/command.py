"""What every command has: the common flags, a console, an end without a traceback, a help text."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from prefprop_cli.cli import options as o
from prefprop_cli.cli.console import Common, Console
from prefprop_cli.cli.failures import report
from prefprop_cli.cli.suggest import suggestions
from prefprop_cli.cli.text import can_move_cursor
from prefprop_cli.notes import heard_by

_BOLD, _NAME, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[0m"
_HEADING = re.compile(r"^(\S[^\n]*:)$|^(Usage:)", re.MULTILINE)
_ENTRY = re.compile(r"^(  )(-[^\n]*?|[a-z]+|\[?[A-Z]\S*)(?=  |\n|$)", re.MULTILINE)
_ANY_TEXT = re.compile(r" <(list\[)?(str|path)\]?>$")  # of an argument, whose name says it


@cache
def built(name: str, function: Callable[..., None]) -> "Command":
    """Make the command of a function: its parameters are the options, its docstring the help.

    The first parameter is a `typer.Context`; its `obj` is the `Console`.
    """
    app = typer.Typer(
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
    )
    app.command(name, cls=Command)(function)
    command = typer.main.get_command(app)
    assert isinstance(command, Command)
    return command


class Command(TyperCommand):
    """A command with the common flags, whose options stand once but for those that may repeat."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        common = typer.Typer(add_completion=False)
        common.command(add_help_option=False)(_common_flags)
        self.params.extend(typer.main.get_command(common).params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; of what can only stand once the last would win unsaid."""
        if ctx.resilient_parsing:  # of a line that is still being typed
            return super().parse_args(ctx, args)
        metavars = {name: p.metavar for p in self.params for name in p.opts if p.metavar}
        takes_keys = any(p.name == "overrides" for p in self.params)
        with suggestions(args, takes_keys=takes_keys, metavars=metavars):
            _, _, given = self.make_parser(ctx).parse_args(args=list(args))
            for option, times in Counter(given).items():
                if times > 1 and _stands_once(option):
                    raise typer.BadParameter(
                        f"given {times} times, and only one can count. Give it once",
                        ctx=ctx,
                        param_hint=option.opts,
                    )
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the function with a console; what it raises becomes a message and an exit code."""
        # Here and in the commands: TAB and --help do without run folders, which take 20 ms.
        from prefprop_cli.runs.distributed import world

        common = Common(**{name: ctx.params.pop(name) for name in vars(Common())})
        ctx.obj = console = Console(common) if world().is_main else Console.silent(common)
        try:
            with heard_by(console):
                return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as failure:
            heard = Console(common) if world().reports(failure) else console
            raise typer.Exit(report(failure, heard)) from failure

    def get_help(self, ctx: Any) -> str:
        """Return the help text, coloured if the standard output takes it."""
        return coloured(super().get_help(ctx), ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, in groups."""
        for heading, records in grouped(self.get_params(ctx), ctx):
            with formatter.section(heading):
                formatter.write_dl(records)


def _common_flags(
    *,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
    debug: o.Debug = False,
) -> None: ...


def _stands_once(option: object) -> bool:
    """Whether it has a value, or two positions; `-q -q` says nothing else than `-q`."""
    if not isinstance(option, TyperOption) or option.multiple or option.count:
        return False
    return not option.is_flag or bool(option.secondary_opts)


def grouped(params: Iterable[Any], ctx: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return names and help texts of options by the heading of each, the common options last."""
    groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
    for param in params:
        heading = param.rich_help_panel or (o.COMMON if param.name == "help" else "Options")
        if param.param_type_name == "argument":
            heading = "Arguments"
        if record := param.get_help_record(ctx):
            names, text = record
            groups.setdefault(heading, []).append((_ANY_TEXT.sub("", names), text))
    common = groups.pop(o.COMMON, [])
    return [(name, rows) for name, rows in {**groups, o.COMMON: common}.items() if rows]


def coloured(text: str, ctx: Any) -> str:
    """Set off headings and names of a help text, if the standard output shows colours."""
    if os.environ.get("NO_COLOR"):
        ctx.color = False
    elif os.environ.get("FORCE_COLOR"):
        ctx.color = True
    else:
        ctx.color = sys.stdout.isatty() and can_move_cursor()
    if not ctx.color:
        return text
    text = _ENTRY.sub(rf"\1{_NAME}\2{_PLAIN}", text)
    return _HEADING.sub(lambda found: f"{_BOLD}{found[0]}{_PLAIN}", text)
