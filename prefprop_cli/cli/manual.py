"""The manual page, made from what the commands say of themselves.

`python -m prefprop_cli.cli.manual FOLDER` writes it.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from prefprop_cli import __version__
from prefprop_cli.cli.app import app
from prefprop_cli.cli.command import grouped
from prefprop_cli.errors import EXIT_CODES

NAME = "prefprop.1"

_ENVIRONMENT = {
    "PREFPROP_RUN": "The run that predict uses where none is named.",
    "PREFPROP_CACHE": "Where prepared data and converted backbones are kept.",
    "PREFPROP_NATIVE": "0: without the attention kernel that is compiled at first use.",
    "HF_HOME, HF_ENDPOINT, HF_HUB_OFFLINE": "Of the Hugging Face hub: its cache, its address, "
    "whether it is left alone.",
    "NO_COLOR, FORCE_COLOR": "Whether messages are coloured.",
}
_FILES = {
    "runs/": "Where train makes a folder for each run, and where the other commands look.",
    "presets/": "Presets of your own, by name; looked at before those of the program.",
}


def manual() -> str:
    """The page as roff."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("prefprop", [], resilient_parsing=True)
    return "\n".join(
        [
            f'.TH PREFPROP 1 "" "prefprop {__version__}" "User Commands"',
            ".SH NAME",
            r"prefprop \- long documents in, labels with honest probabilities out",
            ".SH SYNOPSIS",
            ".B prefprop",
            r"\fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
            ".SH DESCRIPTION",
            *_paragraphs(group.help),
            ".SH COMMANDS",
            *(line for name in group.commands for line in _command(group, name, context)),
            '.SH "EXIT STATUS"',
            *_definitions(EXIT_CODES.items()),
            ".SH ENVIRONMENT",
            *_definitions(_ENVIRONMENT.items()),
            ".SH FILES",
            *_definitions(_FILES.items()),
            "",
        ]
    )


def _command(group: Any, name: str, parent: Any) -> Iterator[str]:
    command = group.commands[name]
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    yield from (f'.SS "prefprop {name} {_escaped(usage)}"', *_paragraphs(command.help))
    for heading, records in grouped(command.get_params(context), context):
        if heading != "Common options" or name == next(iter(group.commands)):
            yield from (".PP", rf"\fI{_escaped(heading)}\fR", *_definitions(records))


def _definitions(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in pairs:
        yield from (".TP", rf"\fB{_escaped(term)}\fR", _escaped(" ".join(text.split())))


def _paragraphs(text: str | None) -> Iterator[str]:
    """The paragraphs of a docstring; one marked as laid out stays so."""
    for paragraph in re.split(r"\n{2,}", text or ""):
        lines = paragraph.splitlines()
        if lines[:1] == ["\b"]:
            yield from (".PP", ".nf", *map(_escaped, lines[1:]), ".fi")
        else:
            yield from (".PP", _escaped(" ".join(lines)))


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    (Path(sys.argv[1]) / NAME).write_text(manual(), encoding="utf-8")
