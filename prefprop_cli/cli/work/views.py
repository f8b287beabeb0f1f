"""What commands draw alike: intervals, pages of a report and commands that come next."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console
from prefprop_cli.stats.small_samples import Stated

if TYPE_CHECKING:
    from prefprop_cli.report.page import Page


def bracketed(stated: Stated, *, digits: int) -> str:
    """` [0.72, 0.88]`; empty where there is no interval."""
    if isinstance(stated, str):
        return ""
    return f" [{stated.low:.{digits}f}, {stated.high:.{digits}f}]"


def ends(stated: Stated) -> dict[str, float | None]:
    """An interval for a program."""
    if isinstance(stated, str):
        return {"low": None, "high": None}
    return {"low": stated.low, "high": stated.high}


def tell_missing(console: Console, intervals: Mapping[str, Stated]) -> None:
    """Say of which metrics there is no interval, those with one reason together."""
    whys = {name: each for name, each in intervals.items() if isinstance(each, str) and each}
    for why in dict.fromkeys(whys.values()):
        names = ", ".join(name for name, its in whys.items() if its == why)
        console.info(f"no interval for {names}: {why}")


def next_commands(run: str, new: str, *, first: Sequence[str], options: str = "") -> list[str]:
    """What can be done with a run: the `first` commands, then the prediction of the file `new`.

    The folder of the run is quoted, or empty where commands find it by themselves.
    """
    named = [f"prefprop {command} {run}".rstrip() for command in first]
    return [*named, f"prefprop predict {new}{f' --run {run}' if run else ''}{options}"]


def tell_next(console: Console, commands: Sequence[str]) -> None:
    """Say what comes next, a command on a line."""
    for place, command in enumerate(commands):
        console.info(f"{'      ' if place else 'next: '} {command}")


def tell_pages(console: Console, pages: "Sequence[Page]", record: object) -> None:
    """The record if JSON was asked for, else tables on a terminal, Markdown in a pipe."""
    from prefprop_cli.report.page import Grid, Heading, markdown

    if console.common.json:
        console.result_json(record)
    elif not console.is_terminal:
        console.result(markdown(pages).rstrip("\n"))
    else:
        for page in pages:
            console.prose(page.title)
            for block in page.filled.blocks:
                console.result("")
                if isinstance(block, Grid):
                    console.table(block.rows, header=block.header)
                else:
                    console.prose(block.text if isinstance(block, Heading) else block)
            console.result("")
