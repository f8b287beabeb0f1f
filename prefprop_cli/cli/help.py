"""How help texts look: options in groups, headings bold, names in colour on a terminal."""

import os
import re
import sys
from collections.abc import Iterable
from typing import Any

from prefprop_cli.cli.options import COMMON
from prefprop_cli.cli.text import can_move_cursor

_BOLD, _NAME, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[0m"
_HEADING = re.compile(r"^(\S[^\n]*:)$|^(Usage:)", re.MULTILINE)
_ENTRY = re.compile(r"^(  )(-[^\n]*?|[a-z]+|\[?[A-Z]\S*)(?=  |\n|$)", re.MULTILINE)

_ANY_TEXT = re.compile(r" <(list\[)?(str|path)\]?>$")  # of an argument, whose name says it


def grouped(params: Iterable[Any], ctx: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """The names and help texts of options by the heading that each names.

    Args:
        params: of a command, in the order of its function.
        ctx: its context.

    Returns:
        The arguments first, the common options last.
    """
    groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
    for param in params:
        record = param.get_help_record(ctx)
        if record is not None:
            names, text = record
            groups.setdefault(_heading(param), []).append((_ANY_TEXT.sub("", names), text))
    common = groups.pop(COMMON, [])
    return [(name, rows) for name, rows in {**groups, COMMON: common}.items() if rows]


def _heading(param: Any) -> str:
    if param.param_type_name == "argument":
        return "Arguments"
    return param.rich_help_panel or (COMMON if param.name == "help" else "Options")


def coloured(text: str, ctx: Any) -> str:
    """A help text with headings and names set off, if the standard output shows colours.

    Args:
        text: plain.
        ctx: of the command; told whether escape codes may pass.
    """
    ctx.color = _shows_colours()
    if not ctx.color:
        return text
    text = _ENTRY.sub(rf"\1{_NAME}\2{_PLAIN}", text)
    return _HEADING.sub(lambda found: f"{_BOLD}{found[0]}{_PLAIN}", text)


def _shows_colours() -> bool:
    """Whether the standard output is a terminal in colour; NO_COLOR and FORCE_COLOR decide."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and can_move_cursor()
