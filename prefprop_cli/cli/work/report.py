"""What `prefprop report` makes: the paper's tables and figures, ours beside the paper's."""

from collections.abc import Sequence
from pathlib import Path

from prefprop_cli.cli.console import Console, json_text
from prefprop_cli.cli.options import PICTURES
from prefprop_cli.cli.work.views import tell_pages
from prefprop_cli.experiment.evaluate import Machine
from prefprop_cli.report.drawing import write_figure
from prefprop_cli.report.page import markdown
from prefprop_cli.report.parts import Report, make_report
from prefprop_cli.report.run_html import run_page
from prefprop_cli.report.scores import evaluate_missing
from prefprop_cli.runs import RunFolder, write_atomically
from prefprop_cli.runs.atomic import make_folder
from prefprop_cli.runs.distributed import world

__all__ = ["Machine"]


def print_report(
    console: Console,
    paths: Sequence[Path],
    asked: Sequence[str],
    *,
    split: str,
    out: Path | None,
    is_folder: bool,
    machine: Machine,
) -> None:
    """Print the parts that were asked for; a file `out` has them by its ending, a folder all."""
    report = make_report(paths, asked, split=split, has_pictures=is_folder, machine=machine)
    for note in report.notes:
        console.warn(note)
    if out:
        _write(report, out, is_folder=is_folder)
        console.info(f"written: {out}")
    tell_pages(console, report.pages, report.as_dict())


def _write(report: Report, out: Path, *, is_folder: bool) -> None:
    make_folder(out if is_folder else out.parent)
    drawn = []
    for page in report.pages:
        if page.draw and (is_folder or out.suffix in PICTURES):
            write_figure(page.draw(), out / f"{page.name}.svg" if is_folder else out)
            drawn.append(page.name)
    texts = {
        ".md": markdown(report.pages, pictures=drawn),
        ".json": json_text(report.as_dict()) + "\n",
    }
    for suffix, text in texts.items():
        if is_folder or out.suffix == suffix:
            write_atomically(out / f"report{suffix}" if is_folder else out, text.encode())


def write_page(console: Console, run: Path, file: Path, *, split: str, machine: Machine) -> None:
    """Write all there is to say of one run as an HTML file, and print its path.

    Raises:
        UsageError: there is no such split.
        DataError: its predictions cannot be scored.
    """
    folder = RunFolder(run)
    evaluate_missing([folder], split, machine=machine)
    page = run_page(folder, split=split).encode()
    world().on_main(lambda: write_atomically(file, page))
    if console.common.json:
        console.result_json({"html": file})
    else:
        console.result(str(file))
