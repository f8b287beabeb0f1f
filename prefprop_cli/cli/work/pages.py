"""Pages of the report on a terminal, in a pipe or as JSON."""

from collections.abc import Mapping, Sequence

from prefprop_cli.cli.console import Console
from prefprop_cli.report.page import Grid, Heading, Page, markdown


def tell_pages(console: Console, pages: Sequence[Page], record: object) -> None:
    """The record if JSON was asked for, else tables on a terminal, Markdown in a pipe."""
    if console.common.json:
        console.result_json(record)
    elif not console.is_terminal:
        console.result(markdown(pages).rstrip("\n"))
    else:
        for page in pages:
            _tell_page(console, page)


def tell_missing(console: Console, whys: Mapping[str, str]) -> None:
    """Say of which metrics there is no interval, those with one reason together."""
    for why in dict.fromkeys(filter(None, whys.values())):
        names = ", ".join(name for name, its in whys.items() if its == why)
        console.info(f"no interval for {names}: {why}")


def _tell_page(console: Console, page: Page) -> None:
    console.prose(page.title)
    for block in page.blocks:
        console.result("")
        if isinstance(block, Grid):
            console.table(block.filled.rows, header=block.filled.header)
        else:
            console.prose(block.text if isinstance(block, Heading) else block)
    console.result("")
