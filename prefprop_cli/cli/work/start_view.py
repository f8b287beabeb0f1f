"""The screen before a training: documents, classes, lengths and what may be wrong with them."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.cells import cell_len, set_cell_size

from prefprop_cli.cli.layout import shortened
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.tasks.base import Task
from prefprop_cli.words import escape, listed, plural

MOST_CLASSES, LONGEST_NAME, BAR = 10, 20, 10


def data_lines(
    prepared: Prepared, task: Task, *, max_length: int, width: int | None
) -> Iterator[str]:
    """What the documents are, in lines for a terminal so wide; None where there is none.

    `max_length` are the positions per row, placeholders included (`data.max_length`).
    """
    summary: Mapping[str, Any] = prepared.summary
    counts = {name: len(table) for name, table in prepared.splits.items()}
    splits = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    kinds = "" if task.has_classes else ", each with candidates of its own"
    yield f"  {plural(sum(counts.values()), 'document')}: {splits}{kinds}"
    if task.has_classes:
        yield from class_lines(summary["overall"]["documents"], width=width)
    yield f"  {_lengths(summary, counts, max_length)}"


def class_lines(documents: Mapping[str, int], *, width: int | None) -> Iterator[str]:
    """Classes with their documents, the most frequent first: bars that fit, or a line of words."""
    ranked = sorted(documents.items(), key=lambda item: -item[1])
    if width is None:
        named = [f"{escape(name)} {count:,}" for name, count in ranked]
        yield f"  {len(ranked)} classes: {listed(named, shown=MOST_CLASSES)}"
        return
    shown, rest = ranked[:MOST_CLASSES], ranked[MOST_CLASSES:]
    names = shortened([name for name, _ in shown], LONGEST_NAME)
    longest, most = max(map(cell_len, names)), shown[0][1]
    cells = []
    for name, (_, count) in zip(names, shown, strict=True):
        bar = "█" * max(1, round(BAR * count / most))
        cells += [f"{set_cell_size(name, longest)}  {bar:<{BAR}} {count:<{len(f'{most:,}')},}"]
    per_line = max(1, (width - 2 + 4) // (cell_len(cells[0]) + 4))
    for start in range(0, len(cells), per_line):
        yield ("  " + "    ".join(cells[start : start + per_line])).rstrip()
    if rest:
        n_documents = plural(sum(count for _, count in rest), "document")
        yield f"  and {len(rest)} more classes with {n_documents}"


def _lengths(summary: Mapping[str, Any], counts: Mapping[str, int], max_length: int) -> str:
    """How long documents are, and what is read of long ones, of all splits together."""
    tokens, longer = summary["overall"]["tokens"], summary["overall"]["longer"]
    cut, chunked = (
        sum(summary[key][name] * count for name, count in counts.items()) / sum(counts.values())
        for key in ("truncated", "chunked")
    )
    most = summary["max_tokens"]
    told = f"length: median {tokens['50']:,} tokens, "
    told += f"{percent(longer)} over {most:,}" if longer else f"at most {tokens['100']:,}"
    if summary["beyond"] == "chunk":
        told += (
            f"; {percent(chunked)} are read in chunks of at most {most:,}, up to "
            f"{max(summary['rows'].values()):,} rows a split"
        )
    if not cut:
        return told
    where = ", in the middle" if summary["beyond"] == "head+tail" else ""
    told += f"; {percent(cut)} are cut{where}"
    if prefix := max_length - most:
        told += f" (data.max_length {max_length:,} less {prefix} of the prefix)"
    return told


def percent(share: float) -> str:
    """A share in whole percent; a small one is not called none, nor a large one all."""
    if 0 < share < 0.01:
        return "under 1 %"
    return f"{min(int(100 * share + 0.5), 99 if share < 1 else 100)} %"
