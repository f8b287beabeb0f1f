"""Table 7: inference time of the methods and what they add to that of the plain encoder."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from prefprop_cli.errors import DataError
from prefprop_cli.report.page import NOTHING, Grid, Page
from prefprop_cli.report.paper import PAPER_INFERENCE_S, PAPER_OVERHEAD, PAPER_SEQUENCES
from prefprop_cli.runs import Record

TITLE = "Table 7: inference time, and what a prefix adds to it"
_PLAIN = "head-only"
_ENDS = ("", "_low", "_high")
_COLUMNS = {
    *("method", "text"),
    *(f"{name}{end}" for name in ("docs_per_s", "overhead") for end in _ENDS),
}


def table_7(timings: Sequence[Record]) -> Page:
    """Show the seconds and overheads of rows of `benchmarks/table_7.py` beside the paper's."""
    header = ("method", "text tokens", "s per document", "95 %", f"s for {PAPER_SEQUENCES:,}")
    grid = Grid(
        (*header, "overhead", "95 %", "paper: s", "paper: overhead"),
        tuple(map(_row, timings)),
    )
    note = (
        f"Seconds for {PAPER_SEQUENCES:,} documents are computed from those of one. The paper's "
        "are of another machine and code: overheads can be compared, seconds cannot."
    )
    return Page("table-7", TITLE, (grid, note), {"table": "7", "rows": list(timings)})


def _row(row: Record) -> tuple[str, ...]:
    seconds, fast, slow = (1 / row[f"docs_per_s{end}"] for end in ("", "_high", "_low"))
    method = str(row["method"])
    is_plain = method == _PLAIN
    overheads = [f"{row[f'overhead{end}']:+.1%}" for end in _ENDS]
    return (
        "no PEFT" if is_plain else method,
        str(row["text"]),
        f"{seconds:.3g}",
        f"[{fast:.3g}, {slow:.3g}]",
        f"{PAPER_SEQUENCES * seconds:,.0f}",
        NOTHING if is_plain else overheads[0],
        NOTHING if is_plain else f"[{overheads[1]}, {overheads[2]}]",
        *_paper(method),
    )


def _paper(method: str) -> tuple[str, str]:
    if method == _PLAIN:
        return f"{PAPER_INFERENCE_S:,.0f}", NOTHING
    if method not in PAPER_OVERHEAD:
        return NOTHING, NOTHING
    overhead = PAPER_OVERHEAD[method]
    return f"{PAPER_INFERENCE_S * (1 + overhead):,.0f}", f"{overhead:+.1%}"


def read_timings(path: Path) -> list[Record]:
    """Read the rows of table 7 from a JSON file.

    Raises:
        DataError: it holds none.
    """
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        document = None
    rows = [row for row in _rows(document) if row.keys() >= _COLUMNS]
    if not rows:
        raise DataError(
            f"{path} holds no timings of table 7. Measure them: "
            "python benchmarks/table_7.py > FILE.json"
        )
    return rows


def _rows(document: object) -> Iterator[Record]:
    """The rows of a document of `bench`, or of a benchmark file with several in `parts`."""
    if isinstance(document, dict):
        rows, parts = document.get("rows"), document.get("parts")
        yield from (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        for part in parts.values() if isinstance(parts, dict) else ():
            yield from _rows(part)
