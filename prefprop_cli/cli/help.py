"""How help texts look: options in groups, headings bold, names in colour on a terminal."""

import os
import re
import sys
from collections.abc import Iterable
from typing import Any

from prefprop_cli.cli.options import COMMON

_BOLD, _NAME, _PLAIN = "\x1b[1m", "\x1b[36m", "\x1b[0m"
_HEADING = re.compile(r"^(\S[^\n]*:)$|^(Usage:)", re.MULTILINE)
_ENTRY = re.compile(r"^(  )(-[^\n]*?|[a-z]+|\[?[A-Z]\S*)(?=  |\n|$)", re.MULTILINE)


def panels(params: Iterable[Any], ctx: Any, formatter: Any) -> None:
    """Write options under the heading that each names, arguments first, the rest last.

    Args:
        params: of a command, in the order of its function.
        ctx: its context.
        formatter: is written to.
    """
    groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
    for param in params:
        record = param.get_help_record(ctx)
        if record is not None:
            groups.setdefault(_heading(param), []).append(record)
    common = groups.pop(COMMON, [])
    for heading, records in {**groups, COMMON: common}.items():
        if records:
            with formatter.section(heading):
                formatter.write_dl(records)


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
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")
