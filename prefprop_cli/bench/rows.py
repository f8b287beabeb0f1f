"""Rows of figures from timings: rates, seconds, and ratios to the first subject of a group."""

from collections.abc import Mapping, Sequence

from prefprop_cli.bench.job import Subject
from prefprop_cli.bench.measure import Timing, paired_ratio
from prefprop_cli.bench.paper import PAPER_OVERHEAD
from prefprop_cli.bench.process import Malloc
from prefprop_cli.bench.request import Groups

Row = dict[str, object]


def rows(
    groups: Groups,
    timings: Sequence[Timing],
    *,
    n_placeholders: Mapping[str, int],
    malloc: Malloc,
    peaks: Mapping[Subject, int],
) -> list[Row]:
    """A row for each subject.

    Args:
        groups: the subjects.
        timings: theirs, in their order.
        n_placeholders: of each method, by name.
        malloc: how the allocator of their process was set up.
        peaks: most memory of a process with that subject alone, in bytes; may lack some.

    Returns:
        Rows with the identity of the subject, documents and tokens per second, seconds, and
        `ratio`, its time per document in times that of the first subject of its group.
    """
    remaining = iter(timings)
    found = []
    for group in groups:
        timed = [(subject, next(remaining)) for subject in group]
        for subject, timing in timed:
            row = _identity(subject, n_placeholders[subject.method.name]) | {"malloc": malloc}
            row |= _speed(row, timing) | {"peak_bytes": peaks.get(subject)}
            found.append(row | _ratios((subject, timing), timed[0]))
    return found


def with_overhead(row: Row) -> Row:
    """A row of table 7: the ratio to no PEFT as an overhead, and the paper's beside it."""
    ratios = {key: float(str(row[f"ratio{key}"])) - 1 for key in ("", "_low", "_high")}
    overheads = {f"overhead{key}": value for key, value in ratios.items()}
    return row | overheads | {"paper_overhead": PAPER_OVERHEAD.get(str(row["method"]))}


def _identity(subject: Subject, n_placeholders: int) -> Row:
    n = subject.n_documents
    texts = {length for batch in subject.batches for length in batch}
    # Of each document, where it is the same for all.
    text = texts.pop() if len(texts) == 1 else None
    return {
        "subject": subject.library,
        "method": subject.method.name,
        "step": subject.step,
        "dtype": subject.dtype,
        "padding": _padding(subject),
        "text": text,
        "length": None if text is None else text + n_placeholders,
        "batch_size": max(map(len, subject.batches)),
        "documents": n,
        "tokens": subject.n_text_tokens + n * n_placeholders,
    }


def _padding(subject: Subject) -> str:
    if subject.library == "prefprop":
        return "none"
    return "longest" if subject.pad_to is None else str(subject.pad_to)


def _speed(row: Row, timing: Timing) -> Row:
    n, n_tokens = int(str(row["documents"])), int(str(row["tokens"]))
    docs_per_s, interval = timing.per_second(n)
    return {
        "docs_per_s": docs_per_s,
        "docs_per_s_low": interval.low,
        "docs_per_s_high": interval.high,
        "tokens_per_s": n_tokens / timing.p50_s,
        "p50_s": timing.p50_s,
        "p95_s": timing.p95_s,
        "cpu_p50_s": timing.cpu_p50_s,
        "wall_s": timing.wall_s,
        "cpu_s": timing.cpu_s,
    }


def _ratios(timed: tuple[Subject, Timing], first: tuple[Subject, Timing]) -> Row:
    (subject, timing), (first_subject, first_timing) = timed, first
    share = first_subject.n_documents / subject.n_documents
    ratio, interval = paired_ratio(timing.wall_s, first_timing.wall_s)
    cpu_ratio, _ = paired_ratio(timing.cpu_s, first_timing.cpu_s)
    return {
        "ratio": share * ratio,
        "ratio_low": share * interval.low,
        "ratio_high": share * interval.high,
        "cpu_ratio": share * cpu_ratio,
    }
