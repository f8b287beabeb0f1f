"""The screen after a training: how good it is, where it errs, and what comes next."""

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.layout import shortened
from prefprop_cli.cli.text import curve, escape
from prefprop_cli.config.schema import Config
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.data.table_rows import JSON_LINES, SUFFIXES
from prefprop_cli.errors import Interrupted, PrefpropError
from prefprop_cli.experiment.outcome import TFIDF, Outcome, outcome_of
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.runs import RunFolder, losses_of
from prefprop_cli.tables import TASKS
from prefprop_cli.training.events import FitResult
from prefprop_cli.words import plural

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
) -> Outcome | None:
    """Evaluate a finished run; None, and a warning, where that fails.

    Raises:
        Interrupted: Ctrl-C.
    """
    try:
        with console.progress(total=None, label="evaluating document") as progress:
            return outcome_of(
                plan,
                prepared,
                folder,
                device=device,
                n_steps=result.step,
                progress=lambda done, total: progress.update(done, total=total),
            )
    except KeyboardInterrupt as signal:
        again = f"prefprop eval {shlex.quote(str(folder.path))}"
        told = f"the run is finished, its evaluation was stopped. Go on with: {again}"
        raise Interrupted(told, signal_number=2) from signal
    except PrefpropError as failure:
        console.warn(f"the run is finished, and was not evaluated: {failure}")
        return None


def tell_end(console: Console, outcome: Outcome, prepared: Prepared, folder: RunFolder) -> None:
    """Say how good a run is."""
    console.info(_figures(outcome, prepared), style="bold")
    left = _matrix(outcome, console.width or COLUMNS) if outcome.task.has_classes else []
    right = [*_loss(folder), *_mistakes(outcome)]
    for line in beside(left, right, width=console.width):
        console.info(line)
    if outcome.baselines.get(TFIDF, 0.0) > outcome.accuracy:
        console.info(f"{TFIDF} does better here; more epochs may help: -s train.epochs=N")


def next_line(console: Console, folder: RunFolder, config: Config) -> None:
    """Say what comes next, with the run named where it would not be found by itself."""
    is_found = folder.path.parent == Path("runs") and "PREFPROP_RUN" not in os.environ
    run = "" if is_found else f" {shlex.quote(str(folder.path))}"
    named = f" --run{run}" if run else ""
    suffix = Path(config.data.source or "").suffix.lower()
    new = f"new{suffix if suffix in SUFFIXES else '.txt'}"
    if not TASKS[config.data.task].has_classes:
        new = "questions.jsonl"
    console.info(f"next:  prefprop calibrate{run}")
    console.info(f"       prefprop predict {new}{named} --out labelled.csv")


def beside(left: Sequence[str], right: Sequence[str], *, width: int | None) -> Iterator[str]:
    """Two blocks of lines beside each other where the terminal is wide enough, else below."""
    indent = max(map(cell_len, left), default=0)
    gap = 5 if left else 0
    needed = indent + gap + max(map(cell_len, right), default=0)
    if width is not None and needed > width:
        yield from left
        yield from right
        return
    for row in range(max(len(left), len(right))):
        one = left[row] if row < len(left) else ""
        two = right[row] if row < len(right) else ""
        yield (set_cell_size(one, indent + gap) + two).rstrip()


def _figures(outcome: Outcome, prepared: Prepared) -> str:
    ends = outcome.interval
    interval = "" if isinstance(ends, str) else f" [{ends.low:.2f}, {ends.high:.2f}]"
    where = "" if outcome.split == "test" else f" of {outcome.split}, which chose the epoch"
    parts = [f"accuracy {outcome.accuracy:.2f}{interval} on {outcome.n:,}{where}"]
    is_cut = prepared.is_cut
    for name, accuracy in outcome.baselines.items():
        whole = " of whole documents" if name == TFIDF and is_cut else ""
        parts.append(f"{escape(name)}{whole} {accuracy:.2f}")
    return "    ".join(parts)


def _matrix(outcome: Outcome, width: int) -> list[str]:
    """The confusion matrix, rows true; where it is too wide the pairs that are confused most."""
    if len(outcome.labels) <= MOST_CLASSES:
        for longest in range(LONGEST_NAME, SHORTEST_NAME - 1, -1):
            lines = _drawn(outcome, shortened(outcome.labels, longest))
            if cell_len(lines[0]) <= width:
                return lines
    return list(_confused(outcome))


def _drawn(outcome: Outcome, names: Sequence[str]) -> list[str]:
    matrix = outcome.confusions
    left = max(map(cell_len, names))
    digits = len(str(matrix.max()))
    widths = [max(cell_len(name), digits) for name in names]
    heads = zip(names, widths, strict=True)
    lines = ["  " + " " * left + "".join("  " + _right(name, width) for name, width in heads)]
    for name, row in zip(names, matrix, strict=True):
        cells = "".join(f"  {n:>{width}}" for n, width in zip(row, widths, strict=True))
        lines.append(f"  {_right(name, left)}{cells}")
    return lines


def _confused(outcome: Outcome) -> Iterator[str]:
    matrix = outcome.confusions.copy()
    n_right = int(matrix.trace())
    yield f"  {n_right} of {plural(outcome.n, 'document')} right; confused most:"
    for place in range(len(matrix)):
        matrix[place, place] = 0
    names = shortened(outcome.labels, LONGEST_NAME)
    pairs = [(matrix[a, b], a, b) for a, b in zip(*matrix.nonzero(), strict=True)]
    for count, a, b in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2]))[:MOST_CLASSES]:
        yield f"    {names[a]} → {names[b]}  {count}"


def _loss(folder: RunFolder) -> Iterator[str]:
    if told := curve(losses_of(folder.metrics())):
        yield f"loss {told}"


def _mistakes(outcome: Outcome) -> Iterator[str]:
    found = outcome.mistakes
    if not outcome.task.has_classes:
        return
    if not found:
        yield "no mistake"
        return
    lines = [
        f"{_place(each.id)}, {escape(each.label)} → {escape(each.said)} ({each.prob:.2f})"
        for each in found[:MISTAKES]
    ]
    if len(found) == 1:
        yield f"1 mistake: {lines[0]}"
        return
    yield f"{len(found):,} mistakes{', the surest' if len(found) > MISTAKES else ''}:"
    yield from (f"  {line}" for line in lines)


def _place(id: str) -> str:
    """`reviews.csv:98` as `line 98`; what is in no table as it is."""
    file, colon, number = id.rpartition(":")
    if not colon or not number.isdecimal():
        return escape(id)
    return f"{'line' if Path(file).suffix.lower() in WITH_LINES else 'row'} {number}"


def _right(name: str, width: int) -> str:
    return " " * (width - cell_len(name)) + name
