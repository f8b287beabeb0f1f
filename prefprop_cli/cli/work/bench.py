"""What `prefprop bench` does: documents and tokens per second and peak memory."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from prefprop_cli.bench.measure import can_measure_memory
from prefprop_cli.bench.request import Groups, Request, Step, at_lengths, measure
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import quantity
from prefprop_cli.config.load import load_config
from prefprop_cli.core.attention import choose
from prefprop_cli.experiment.predictor import resolve_device
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.atomic import Record

__all__ = ["at_lengths", "bench", "request_of"]

Show = Callable[[Record], str]

STEPS: dict[Step, str] = {
    "forward": "forward pass",
    "prefix": "prefix step (forward and backward that reach the prefix, no optimizer)",
    "full": "full step (forward and backward that reach every weight, no optimizer)",
}
NOT_OF_A_SHAPE = {"backbone", "to_long", "window"}
ENVIRONMENT = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "MKL_NUM_THREADS")
NOTHING = "-"

# What tells rows apart is a column only where it differs between them.
IDENTITY: dict[str, Show] = {
    "subject": lambda row: str(row["subject"]),
    "step": lambda row: str(row["step"]),
    "length": lambda row: str(row["length"]),
}
FIGURES: dict[str, Show] = {
    "docs/s": lambda row: f"{row['docs_per_s']:.3g} ±{_half_width(row):.0%}",
    "tok/s": lambda row: quantity(float(row["tokens_per_s"])),
    "p50 s": lambda row: f"{row['p50_s']:.3g}",
    "p95 s": lambda row: f"{row['p95_s']:.3g}",
    "CPU s": lambda row: f"{row['cpu_p50_s']:.3g}",
    "MiB": lambda row: f"{row['peak_bytes'] / 2**20:.0f}" if row["peak_bytes"] else NOTHING,
    "ratio": lambda row: f"{row['ratio']:.2f} ({row['ratio_low']:.2f}-{row['ratio_high']:.2f})",
}


def request_of(
    run: Path | None,
    preset: str | None,
    overrides: Sequence[str] | None,
    *,
    shape: str | None,
    steps: tuple[Step, ...],
    dtype: Literal["float32", "bfloat16"],
    against: bool,
    device: str,
) -> Request:
    """What is measured: the configuration of a run, or of a preset.

    Raises:
        UsageError: there is no such run, or no such device, or what is asked does not fit.
        ConfigError: all problems of the preset and the overrides.
    """
    known = str(RunFolder.open(run).checked_config) if run else preset
    config = load_config(preset=known, overrides=overrides or []).config
    return Request(config, shape, steps or ("forward",), dtype, against, resolve_device(device))


def bench(
    console: Console, request: Request, groups: Groups, *, warmup: int, repeat: int, memory: bool
) -> None:
    """Measure, with progress; write the rows to stdout, and what they are to stderr.

    Raises:
        ResourceError: memory ran out.
    """
    memory = memory and can_measure_memory(request.device)
    n_subjects = sum(map(len, groups))
    total = n_subjects * (warmup + repeat + memory)
    with console.progress(total=total, label="pass") as progress:
        progress.update(0)
        rows = measure(
            request,
            groups,
            warmup=warmup,
            repeat=repeat,
            memory=memory,
            on_progress=progress.update,
        )
    what = _what(request, methods=sorted({str(row["method"]) for row in rows}))
    if console.common.json:
        console.result_json({"what": what, "settings": _settings(request), "rows": rows})
        return
    console.info(what)
    columns = {
        name: show
        for name, show in (IDENTITY | FIGURES).items()
        if name not in IDENTITY or name == "subject" or len(set(map(show, rows))) > 1
    }
    columns = {
        name: show for name, show in columns.items() if {show(row) for row in rows} != {NOTHING}
    }
    cells = [[show(row) for show in columns.values()] for row in rows]
    console.table(cells, header=list(columns))


def _what(request: Request, *, methods: Sequence[str]) -> str:
    encoder, n = request.encoder, request.config.method.prefix_length
    name = request.shape or request.config.model.backbone
    dtype = "bfloat16 autocast" if request.dtype == "bfloat16" else "float32"
    if request.against and request.dtype == "bfloat16":
        dtype += ", transformers in float32"
    if request.config.model.gradient_checkpointing and "forward" not in request.steps:
        dtype += ", gradient checkpointing in prefprop"
    attention = ", ".join(dict.fromkeys(_attention(request).values()))
    documents = ", ".join(["random documents", *methods])
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
        "environment": {name: os.environ.get(name) for name in ENVIRONMENT},
    }


def _half_width(row: Mapping[str, float]) -> float:
    """The farther end of the interval of the rate, as a share of the rate."""
    rate, low, high = (row[f"docs_per_s{key}"] for key in ("", "_low", "_high"))
    return max(rate - low, high - rate) / rate
