"""Pages of the report on a terminal, in a pipe or as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console

if TYPE_CHECKING:
    from prefprop_cli.report.page import Page


def tell_pages(console: Console, pages: "Sequence[Page]", record: object) -> None:
    """The record if JSON was asked for, else tables on a terminal, Markdown in a pipe."""
    from prefprop_cli.report.page import Grid, Heading, markdown

    if console.common.json:
        console.result_json(record)
    elif not console.is_terminal:
        console.result(markdown(pages).rstrip("\n"))
    else:
        for page in pages:
            console.result(page.title)
            for block in page.blocks:
                console.result("")
                if isinstance(block, Grid):
                    console.table(block.rows, header=block.header)
                else:
                    console.result(block.text if isinstance(block, Heading) else block)
            console.result("")
