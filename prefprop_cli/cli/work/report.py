"""`prefprop report`: the paper's tables and figures from run folders, ours beside the paper's."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console, json_text
from prefprop_cli.cli.options import PICTURES
from prefprop_cli.cli.work.eval import evaluate_missing
from prefprop_cli.cli.work.pages import tell_pages
from prefprop_cli.errors import PrefpropError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from prefprop_cli.report.build import Part, Report
    from prefprop_cli.report.collect import FinishedRun

FILES = (".md", ".json", *PICTURES)
SCORED = {"table-2", "table-3", "figure-2"}
"""Parts that need the logits of the split."""


def run(
    console: Console,
    *,
    paths: Sequence[Path],
    table: str | None,
    figure: str | None,
    split: str,
    out: Path | None,
    backbone: str | None,
    device: str,
) -> None:
    """Make what was asked for, or all that the runs and timings allow.

    Raises:
        UsageError: there are no runs or timings for it, or `out` cannot hold it.
        DataError: the runs cannot be compared.
    """
    given = {"table": table, "figure": figure}
    asked = [f"{kind}-{number}" for kind, number in given.items() if number]
    _check_out(out, asked)
    from prefprop_cli.data import read_corpus
    from prefprop_cli.report.build import Report
    from prefprop_cli.report.collect import collect

    report = Report(
        collect(paths),
        split=split,
        corpus_of=read_corpus,
        lengths_of=lambda run: _lengths(run, backbone=backbone),
    )
    names = asked or _default(report, has_pictures=_is_folder(out))
    if SCORED.intersection(names, report.possible):
        _score(console, report, split, backbone=backbone, device=device)
    parts = dict(_parts(report, names, is_asked=bool(asked)))
    for note in report.notes:
        console.warn(note)
    pages = [part.page for part in parts.values()]
    record = {"parts": {page.name: page.record for page in pages}, "notes": report.notes}
    if out:
        _write(console, parts, record, out)
    tell_pages(console, pages, record)


def _check_out(out: Path | None, asked: Sequence[str]) -> None:
    if out is None:
        return
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if there.is_dir() and not os.access(there, os.W_OK):
        raise UsageError(f"--out {out}: the folder {there} cannot be written to")
    if there != out and not there.is_dir():
        raise UsageError(f"--out {out}: {there} is a file, not a folder")
    if _is_folder(out):
        return
    if out.suffix not in FILES:
        raise UsageError(f"--out {out}: use a name that ends in {', '.join(FILES)}, or a folder")
    if out.suffix in PICTURES and (len(asked) != 1 or asked[0].startswith("table")):
        raise UsageError(
            f"--out {out} holds one figure. Name one, such as --figure 2, or a folder for all"
        )


def _is_folder(out: Path | None) -> bool:
    return out is not None and (out.is_dir() or not out.suffix)


def _default(report: "Report", *, has_pictures: bool) -> list[str]:
    """What can be made; pictures only where they are kept."""
    names = [name for name in report.possible if has_pictures or name.startswith("table")]
    return names or ["table-2"]  # which says what is missing


def _score(
    console: Console, report: "Report", split: str, *, backbone: str | None, device: str
) -> None:
    """Score the runs, those first that were never evaluated on the split."""
    runs = report.runs
    folders = [run.folder for run in runs]
    evaluate_missing(console, folders, split, backbone=backbone, device=device)
    with console.progress(total=len(runs), label="run") as progress:
        report.scores(told=lambda: progress.update(progress.done + 1))


def _lengths(run: "FinishedRun", *, backbone: str | None) -> "NDArray[np.int64]":
    import numpy as np

    from prefprop_cli.build.plan import make_plan, prepare_data, with_backbone
    from prefprop_cli.build.record import check_data
    from prefprop_cli.cache import default_cache

    plan = make_plan(with_backbone(run.config, backbone))
    prepared = prepare_data(plan, cache=default_cache())
    check_data(run.folder.manifest, prepared, of=run.folder.path, advice="Give the original")
    return np.concatenate([np.asarray(split["n_tokens"]) for split in prepared.splits.values()])


def _parts(
    report: "Report", names: Sequence[str], *, is_asked: bool
) -> "Iterator[tuple[str, Part]]":
    """The parts; a figure nobody asked for that cannot be made becomes a note."""
    for name in names:
        try:
            yield name, report.part(name)
        except PrefpropError as error:
            if is_asked or name.startswith("table"):
                raise
            report.notes.append(f"without {name.replace('-', ' ')}: {error}")


def _write(console: Console, parts: "dict[str, Part]", record: object, out: Path) -> None:
    from prefprop_cli.atomic import make_folder
    from prefprop_cli.evaluation.drawing import write_figure
    from prefprop_cli.report.page import markdown
    from prefprop_cli.runs import write_atomically

    pages = [part.page for part in parts.values()]
    folder = _is_folder(out)
    make_folder(out if folder else out.parent)
    drawn = []
    for name, part in parts.items():
        if part.draw and (folder or out.suffix in PICTURES):
            write_figure(part.draw(), out / f"{name}.svg" if folder else out)
            drawn.append(name)
    texts = {".md": markdown(pages, pictures=drawn), ".json": json_text(record) + "\n"}
    for suffix, text in texts.items():
        if folder or out.suffix == suffix:
            path = out / f"report{suffix}" if folder else out
            write_atomically(path, text.encode())
    console.info(f"written: {out}")
