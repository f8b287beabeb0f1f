"""The screen after a training: how good it is, where it errs, and what comes next."""

import os
import shlex
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from rich.cells import cell_len, set_cell_size

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.layout import shortened
from prefprop_cli.cli.text import curve
from prefprop_cli.cli.work import views
from prefprop_cli.config.schema import Config
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.data.table_rows import JSON_LINES, SUFFIXES
from prefprop_cli.errors import Interrupted, PrefpropError
from prefprop_cli.experiment.baselines import TFIDF
from prefprop_cli.experiment.evaluate import evaluate_trained
from prefprop_cli.experiment.evaluation import RunEvaluation
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.runs import RunFolder, losses_of
from prefprop_cli.tables import TASKS
from prefprop_cli.training.events import FitResult
from prefprop_cli.words import escape, plural

MOST_CLASSES, LONGEST_NAME, SHORTEST_NAME, MISTAKES = 6, 12, 5, 3
COLUMNS = 100
"""Where there is no terminal."""
WITH_LINES = (".csv", ".tsv", *JSON_LINES)
"""Endings of files whose rows are known by the line on which they begin."""


def evaluated(
    console: Console,
    plan: Plan,
    prepared: Prepared,
    folder: RunFolder,
    result: FitResult,
    *,
    device: str,
) -> RunEvaluation | None:
    """Evaluate a finished run; None, and a warning, where that fails. Ctrl-C is Interrupted."""
    try:
        return evaluate_trained(plan, prepared, folder, device=device, n_steps=result.step)
    except KeyboardInterrupt as signal:
        again = f"prefprop eval {shlex.quote(str(folder.path))}"
        told = f"the run is finished, its evaluation was stopped. Go on with: {again}"
        raise Interrupted(told, signal_number=2) from signal
    except PrefpropError as failure:
        console.warn(f"the run is finished, and was not evaluated: {failure}")
        return None


def tell_end(console: Console, found: RunEvaluation, prepared: Prepared, folder: RunFolder) -> None:
    """Say how good a run is."""
    console.info(_figures(found, is_cut=prepared.is_cut), style="bold")
    left, right = [], []
    if losses := curve(losses_of(folder.metrics())):
        right = [f"loss {losses}"]
    if found.task.has_classes:
        left = _matrix(found, console.width or COLUMNS)
        right += _mistakes(found)
    for line in beside(left, right, width=console.width):
        console.info(line)
    if found.baselines.get(TFIDF, 0.0) > found.accuracy:
        console.info(f"{TFIDF} does better here; more epochs may help: -s train.epochs=N")


def next_line(console: Console, folder: RunFolder, config: Config) -> None:
    """Say what comes next, with the run named where it would not be found by itself."""
    is_found = folder.path.parent == Path("runs") and "PREFPROP_RUN" not in os.environ
    suffix = Path(config.data.source or "").suffix.lower()
    new = f"new{suffix if suffix in SUFFIXES else '.txt'}"
    commands = views.next_commands(
        "" if is_found else shlex.quote(str(folder.path)),
        new if TASKS[config.data.task].has_classes else "questions.jsonl",
        first=["calibrate"],
        options=" --out labelled.csv",
    )
    views.tell_next(console, commands)


def record(found: RunEvaluation) -> dict[str, object]:
    """The evaluation for a program."""
    return {
        "split": found.split,
        "n": found.n,
        "accuracy": found.accuracy,
        **views.ends(found.accuracy_interval),
        "baselines": found.baselines,
        "labels": found.labels,
        "confusions": found.confusions if found.task.has_classes else None,
        "mistakes": found.mistakes,
    }


def beside(left: Sequence[str], right: Sequence[str], *, width: int | None) -> Iterator[str]:
    """Two blocks of lines beside each other where the terminal is wide enough, else below."""
    indent = max(map(cell_len, left), default=0)
    gap = 5 if left else 0
    needed = indent + gap + max(map(cell_len, right), default=0)
    if width is not None and needed > width:
        yield from left
        yield from right
        return
    for one, two in zip_longest(left, right, fillvalue=""):
        yield (set_cell_size(one, indent + gap) + two).rstrip()


def _figures(found: RunEvaluation, *, is_cut: bool) -> str:
    interval = views.bracketed(found.accuracy_interval, digits=2)
    where = "" if found.split == "test" else f" of {found.split}, which chose the epoch"
    parts = [f"accuracy {found.accuracy:.2f}{interval} on {found.n:,}{where}"]
    for name, accuracy in found.baselines.items():
        whole = " of whole documents" if name == TFIDF and is_cut else ""
        parts.append(f"{escape(name)}{whole} {accuracy:.2f}")
    return "    ".join(parts)


def _matrix(found: RunEvaluation, width: int) -> list[str]:
    """The confusion matrix, rows true; where it is too wide the pairs that are confused most."""
    if len(found.labels) <= MOST_CLASSES:
        for longest in range(LONGEST_NAME, SHORTEST_NAME - 1, -1):
            lines = _drawn(found, shortened(found.labels, longest))
            if cell_len(lines[0]) <= width:
                return lines
    return list(_confused(found))


def _drawn(found: RunEvaluation, names: Sequence[str]) -> list[str]:
    def right(name: str, width: int) -> str:
        return " " * (width - cell_len(name)) + name

    left = max(map(cell_len, names))
    digits = len(str(found.confusions.max()))
    widths = [max(cell_len(name), digits) for name in names]
    rows = [names, *(map(str, row) for row in found.confusions)]
    return [
        f"  {right(name, left)}"
        + "".join(f"  {right(cell, width)}" for cell, width in zip(row, widths, strict=True))
        for name, row in zip(("", *names), rows, strict=True)
    ]


def _confused(found: RunEvaluation) -> Iterator[str]:
    matrix = found.confusions.copy()
    yield f"  {matrix.trace()} of {plural(found.n, 'document')} right; confused most:"
    np.fill_diagonal(matrix, 0)
    names = shortened(found.labels, LONGEST_NAME)
    pairs = [(-matrix[a, b], a, b) for a, b in zip(*matrix.nonzero(), strict=True)]
    for count, a, b in sorted(pairs)[:MOST_CLASSES]:
        yield f"    {names[a]} → {names[b]}  {-count}"


def _mistakes(found: RunEvaluation) -> Iterator[str]:
    n = len(found.mistakes)
    lines = [
        f"{_place(each.id)}, {escape(each.label)} → {escape(each.said)} ({each.prob:.2f})"
        for each in found.mistakes[:MISTAKES]
    ]
    if n < 2:
        yield f"1 mistake: {lines[0]}" if n else "no mistake"
        return
    yield f"{n:,} mistakes{', the surest' if n > MISTAKES else ''}:"
    yield from (f"  {line}" for line in lines)


def _place(id: str) -> str:
    """`reviews.csv:98` as `line 98`; what is in no table as it is."""
    file, colon, number = id.rpartition(":")
    if not colon or not number.isdecimal():
        return escape(id)
    return f"{'line' if Path(file).suffix.lower() in WITH_LINES else 'row'} {number}"
