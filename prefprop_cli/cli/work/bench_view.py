"""What `bench` shows of its rows: a table, or everything as JSON."""

import os
from collections.abc import Callable, Mapping

from prefprop_cli.bench.job import Step
from prefprop_cli.bench.process import TUNED_MALLOC
from prefprop_cli.bench.request import Request
from prefprop_cli.bench.rows import Row, with_overhead
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import quantity
from prefprop_cli.core.attention import choose

Show = Callable[[Mapping[str, object]], str]

STEPS = {
    "forward": "forward pass",
    "prefix": "prefix step (forward and backward that reach the prefix, no optimizer)",
    "full": "full step (forward and backward that reach every weight, no optimizer)",
}
NOT_OF_A_SHAPE = {"backbone", "to_long", "window"}
ENVIRONMENT = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS")

NOTHING = "-"

# What tells rows apart is a column only where it differs between them.
IDENTITY: dict[str, Show] = {
    "subject": lambda row: _subject(row),
    "step": lambda row: str(row["step"]),
    "length": lambda row: str(row["text" if "overhead" in row else "length"] or "mixed"),
    "malloc": lambda row: str(row["malloc"]),
}
FIGURES: dict[str, Show] = {
    "docs/s": lambda row: f"{row['docs_per_s']:.3g} ±{_half_width(row):.0%}",
    "tok/s": lambda row: quantity(float(str(row["tokens_per_s"]))),
    "p50 s": lambda row: f"{row['p50_s']:.3g}",
    "p95 s": lambda row: f"{row['p95_s']:.3g}",
    "CPU s": lambda row: f"{row['cpu_p50_s']:.3g}",
    "MiB": lambda row: f"{_mib(row):.0f}" if row["peak_bytes"] else NOTHING,
}
RATIO: dict[str, Show] = {
    "ratio": lambda row: f"{row['ratio']:.2f} ({row['ratio_low']:.2f}-{row['ratio_high']:.2f})",
}
OVERHEAD: dict[str, Show] = {
    "overhead": lambda row: (
        f"{row['overhead']:+.1%} ({row['overhead_low']:+.1%} to {row['overhead_high']:+.1%})"
    ),
    "paper": lambda row: f"{row['paper_overhead']:+.1%}" if row["paper_overhead"] else "",
}


def tell(
    console: Console, request: Request, rows: list[Row], *, documents: str, is_table_7: bool
) -> None:
    """Write the rows to stdout, and what they are to stderr.

    Args:
        console: where to.
        request: what was measured.
        rows: of `records.rows`.
        documents: what was read, in words.
        is_table_7: show overheads in place of ratios.
    """
    if is_table_7:
        rows = [with_overhead(row) for row in rows]
    methods = {str(row["method"]) for row in rows if not is_table_7}
    what = _what(request, documents=", ".join([documents, *sorted(methods)]))
    if console.common.json:
        console.result_json({"what": what, "settings": _settings(request), "rows": rows})
        return
    console.info(what)
    cells, header = _table(rows, is_table_7=is_table_7)
    console.table(cells, header=header)


def _table(rows: list[Row], *, is_table_7: bool) -> tuple[list[list[str]], list[str]]:
    """Cells and header; columns that say nothing are left out."""
    identity = {
        name: show
        for name, show in IDENTITY.items()
        if name == "subject" or len(set(map(show, rows))) > 1
    }
    figures = {
        name: show
        for name, show in FIGURES.items()
        if {show(row) for row in rows} != {NOTHING} and not (is_table_7 and name == "tok/s")
    }
    columns = identity | figures | (OVERHEAD if is_table_7 else RATIO)
    return [[show(row) for show in columns.values()] for row in rows], list(columns)


def _what(request: Request, *, documents: str) -> str:
    encoder, n = request.encoder, request.config.method.prefix_length
    name = request.shape or request.config.model.backbone
    dtype = "bfloat16 autocast" if request.dtype == "bfloat16" else "float32"
    if request.against and request.dtype == "bfloat16":
        dtype += ", transformers in float32"
    if request.config.model.gradient_checkpointing and "forward" not in request.steps:
        dtype += ", gradient checkpointing in prefprop"
    attention = ", ".join(dict.fromkeys(_attention(request).values()))
    return (
        f"{name}: {encoder.n_layers} layers of width {encoder.hidden_size}; {documents}, "
        f"P = {n}\n"
        f"{' and '.join(STEPS[step] for step in request.steps)}\n"
        f"{dtype}; attention {attention}; times per document are compared with the first row of a "
        "length"
    )


def _attention(request: Request) -> dict[Step, str]:
    """The backend of each step."""
    table, device = request.config.model, request.device.split(":")[0]
    return {
        step: choose(
            table.attention,
            device=device,
            dropout=step != "forward" and table.attention_dropout > 0,
            backward=step != "forward",
        ).name
        for step in request.steps
    }


def _settings(request: Request) -> dict[str, object]:
    return {
        "shape": request.shape,
        "device": request.device,
        "attention": _attention(request),
        "model": request.config.model.model_dump(exclude=NOT_OF_A_SHAPE if request.shape else None),
        "method": request.config.method.model_dump(),
        "tuned_malloc": TUNED_MALLOC,
        "environment": {name: os.environ.get(name) for name in ENVIRONMENT},
    }


def _subject(row: Mapping[str, object]) -> str:
    if "overhead" in row:
        return "no PEFT" if row["method"] == "head-only" else str(row["method"])
    is_fixed = row["padding"] not in ("none", "longest")
    return f"padded to {row['padding']}" if is_fixed else str(row["subject"])


def _half_width(row: Mapping[str, object]) -> float:
    """The farther end of the interval of the rate, as a share of the rate."""
    rate, low, high = (float(str(row[f"docs_per_s{key}"])) for key in ("", "_low", "_high"))
    return max(rate - low, high - rate) / rate


def _mib(row: Mapping[str, object]) -> float:
    return int(str(row["peak_bytes"])) / 2**20
