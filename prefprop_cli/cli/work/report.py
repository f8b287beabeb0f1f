"""What `prefprop report` makes: the paper's tables and figures, ours beside the paper's."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.cache import default_cache
from prefprop_cli.cli.console import Console, json_text
from prefprop_cli.cli.options import PICTURES
from prefprop_cli.cli.work.comparison import evaluate_missing
from prefprop_cli.cli.work.views import tell_pages
from prefprop_cli.data import read_corpus
from prefprop_cli.errors import PrefpropError
from prefprop_cli.experiment.evaluate import Machine
from prefprop_cli.report.build import Part, Report
from prefprop_cli.report.collect import FinishedRun, collect
from prefprop_cli.report.drawing import write_figure
from prefprop_cli.report.page import markdown
from prefprop_cli.report.run_html import run_page
from prefprop_cli.runs import RunFolder, write_atomically
from prefprop_cli.runs.atomic import make_folder
from prefprop_cli.runs.distributed import world

__all__ = ["Machine"]

SCORED = {"table-2", "table-3", "figure-2"}
"""Parts that need the logits of the split."""

Parts = Mapping[str, Part]


def report_of(paths: Sequence[Path], *, split: str, backbone: str | None) -> Report:
    """What was found in run folders and files of timings.

    Raises:
        UsageError: a path is not there, or a folder holds no run.
        DataError: a file holds no timings.
    """
    return Report(
        collect(paths),
        split=split,
        corpus_of=read_corpus,
        lengths_of=partial(_lengths, backbone=backbone),
    )


def parts_of(
    console: Console,
    report: Report,
    asked: Sequence[str],
    *,
    has_pictures: bool,
    split: str,
    machine: Machine,
) -> Parts:
    """The parts that were asked for, or all that the runs and timings allow.

    Args:
        console: told of runs that are evaluated first, and of what is left out.
        report: makes them.
        asked: such as `table-2`; empty for all.
        has_pictures: whether pictures are kept.
        split: whose logits they need.
        machine: that evaluates runs that never were.

    Raises:
        UsageError: there are no runs or timings for it.
        DataError: the runs cannot be compared.
    """
    names = asked or _default(report, has_pictures=has_pictures)
    if SCORED.intersection(names, report.possible):
        _score(console, report, split, machine=machine)
    parts = dict(_parts(report, names, is_asked=bool(asked)))
    for note in report.notes:
        console.warn(note)
    return parts


def tell(console: Console, report: Report, parts: Parts) -> None:
    """The pages, on a terminal, in a pipe or as JSON."""
    tell_pages(console, [part.page for part in parts.values()], _record(report, parts))


def write(console: Console, report: Report, parts: Parts, out: Path, *, is_folder: bool) -> None:
    """Write the parts into a file by its ending, or all of them into a folder."""
    make_folder(out if is_folder else out.parent)
    drawn = []
    for name, part in parts.items():
        if part.draw and (is_folder or out.suffix in PICTURES):
            write_figure(part.draw(), out / f"{name}.svg" if is_folder else out)
            drawn.append(name)
    pages = [part.page for part in parts.values()]
    texts = {
        ".md": markdown(pages, pictures=drawn),
        ".json": json_text(_record(report, parts)) + "\n",
    }
    for suffix, text in texts.items():
        if is_folder or out.suffix == suffix:
            path = out / f"report{suffix}" if is_folder else out
            write_atomically(path, text.encode())
    console.info(f"written: {out}")


def write_page(console: Console, run: Path, file: Path, *, split: str, machine: Machine) -> None:
    """Write all there is to say of one run as an HTML file, and print its path.

    Raises:
        UsageError: there is no such split.
        DataError: its predictions cannot be scored.
    """
    folder = RunFolder(run)
    evaluate_missing(console, [folder], split, machine=machine)
    page = run_page(folder, split=split).encode()
    world().on_main(lambda: write_atomically(file, page))
    if console.common.json:
        console.result_json({"html": file})
    else:
        console.result(str(file))


def _record(report: Report, parts: Parts) -> dict[str, object]:
    records = {part.page.name: part.page.record for part in parts.values()}
    return {"parts": records, "notes": report.notes}


def _default(report: Report, *, has_pictures: bool) -> list[str]:
    """What can be made; pictures only where they are kept."""
    names = [name for name in report.possible if has_pictures or name.startswith("table")]
    return names or ["table-2"]  # which says what is missing


def _score(console: Console, report: Report, split: str, *, machine: Machine) -> None:
    """Score the runs, those first that were never evaluated on the split."""
    runs = report.runs
    evaluate_missing(console, [run.folder for run in runs], split, machine=machine)
    with console.progress(total=len(runs), label="run") as progress:
        report.scores(told=lambda: progress.update(progress.done + 1))


def _lengths(run: FinishedRun, *, backbone: str | None) -> NDArray[np.int64]:
    # PyTorch and a tokenizer, which only figure 3 needs.
    from prefprop_cli.experiment.plan import make_plan, prepare_data, with_backbone
    from prefprop_cli.experiment.record import check_data

    plan = make_plan(with_backbone(run.config, backbone))
    prepared = prepare_data(plan, cache=default_cache())
    check_data(run.folder.manifest, prepared, of=run.folder.path, advice="Give the original")
    return np.concatenate([np.asarray(split["n_tokens"]) for split in prepared.splits.values()])


def _parts(report: Report, names: Sequence[str], *, is_asked: bool) -> Iterator[tuple[str, Part]]:
    """The parts; a figure nobody asked for that cannot be made becomes a note."""
    for name in names:
        try:
            yield name, report.part(name)
        except PrefpropError as error:
            if is_asked or name.startswith("table"):
                raise
            report.notes.append(f"without {name.replace('-', ' ')}: {error}")
