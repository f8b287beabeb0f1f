"""The speed table, from `speed.json`.

python benchmarks/speed_table.py            # prints it
python benchmarks/speed_table.py --readme   # puts it into benchmarks/README.md
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
BEGIN, END = "<!-- speed:begin -->", "<!-- speed:end -->"

Row = dict[str, Any]
Parts = dict[str, dict[str, Any]]


def times(part: str, **wanted: object) -> Callable[[Parts], str]:
    """A ratio with its interval, by CPU time, and as `transformers` is installed if measured."""

    def cell(parts: Parts) -> str:
        rows = [row for row in chosen(parts, part, subject="transformers") if matches(row, wanted)]
        by_malloc = {row["malloc"]: row for row in rows}
        row = by_malloc["tuned"]
        text = f"{row['ratio']:.2f}x ({row['ratio_low']:.2f} to {row['ratio_high']:.2f}"
        text += f"; CPU time {row['cpu_ratio']:.2f}x)"
        untuned = by_malloc.get("installed")
        return text + (f", untuned {untuned['ratio']:.2f}x" if untuned else "")

    return cell


def memory(parts: Parts) -> str:
    part = "base-memory" if "base-memory" in parts else "base-prefix"
    theirs = only(parts, part, subject="transformers")["peak_bytes"]
    plain = only(parts, part, subject="prefprop")["peak_bytes"]
    less = only(parts, "base-prefix-checkpointing", subject="prefprop")["peak_bytes"]
    gib = " / ".join(f"{n_bytes / 2**30:.2f}" for n_bytes in (theirs, plain, less))
    return f"{theirs / plain:.2f}x; {theirs / less:.2f}x ({gib} GiB)"


def prefix_of_full(parts: Parts) -> str:
    # The prefix step is the first row, so the ratio of the full one is the other way round.
    row = only(parts, "prefix-and-full", step="full")
    low, high = 1 / row["ratio_high"], 1 / row["ratio_low"]
    return f"{1 / row['ratio']:.2f} ({low:.2f} to {high:.2f})"


def overhead(parts: Parts) -> str:
    rows = [only(parts, "table-7", method=f"prefix-{name}") for name in ("tuning", "propagation")]
    return " / ".join(
        f"{row['overhead']:+.1%} ({row['overhead_low']:+.1%} to {row['overhead_high']:+.1%})"
        for row in rows
    )


def growth(parts: Parts) -> str:
    short, long = (only(parts, "growth", length=length)["p50_s"] for length in (1024, 4096))
    return f"{long / short:.2f}"


TABLE: tuple[tuple[str, str, str, Callable[[Parts], str]], ...] = (
    ("Longformer-base, forward, 4,096", "3.0x", "4x", times("base-forward")),
    ("the same, ours in bf16", "4.5x", "6x", times("base-forward-bf16")),
    ("Longformer-base, prefix step, 4,096", "3.0x", "4x", times("base-prefix")),
    ("the same, ours in bf16", "4.5x", "6x", times("base-prefix-bf16")),
    ("MiniLM, forward, 4,096", "4x", "5x", times("minilm-forward")),
    ("MiniLM, prefix step, 4,096", "3.5x", "5x", times("minilm-prefix")),
    ("MiniLM, forward, 512", "4x", "5x", times("minilm-forward-512")),
    ("MiniLM, prefix step, 512", "3.5x", "5x", times("minilm-prefix-512")),
    (
        "Longformer-base, peak memory of the prefix step at 4,096, `transformers` untuned; "
        "ours with checkpointing",
        "3.2x; 6x",
        "4x; 8x",
        memory,
    ),
    (
        "MiniLM, prefix step, lengths of 20-newsgroups, padded to the longest of a batch",
        "5x",
        "8x",
        times("newsgroups", padding="longest"),
    ),
    ("the same, padded to 4,088", "30x", "60x", times("newsgroups", padding="4088")),
    (
        "Longformer-base, ours, prefix step / full fine-tuning step, 4,096",
        "≤ 0.65",
        "0.56",
        prefix_of_full,
    ),
    (
        "Longformer-base, ours, inference overhead at 4,096 text tokens, prefix-tuning / "
        "propagation (paper: +2.1% / +0.2%)",
        "≤ 3% / ≤ 3%",
        "≤ 1% / ≤ 1%",
        overhead,
    ),
    ("Longformer-base, ours, forward, time(4,096) / time(1,024)", "≤ 4.4", "4.0", growth),
)


def chosen(parts: Parts, part: str, **wanted: object) -> list[Row]:
    return [row for row in parts[part]["rows"] if matches(row, wanted)]


def only(parts: Parts, part: str, **wanted: object) -> Row:
    (row,) = chosen(parts, part, **wanted)
    return row


def matches(row: Row, wanted: dict[str, object]) -> bool:
    return all(row[key] == value for key, value in wanted.items())


def table(record: dict[str, Any]) -> str:
    machine, packages = record["machine"], record["packages"]
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    lines = ["| | must | aim | measured (95 %) |", "|---|---|---|---|"]
    for what, must, aim, cell in TABLE:
        try:
            found = cell(record["parts"])
        except KeyError:
            found = "not measured"
        lines.append(f"| {what} | {must} | {aim} | {found} |")
    return "\n".join(
        [
            f"{machine['processor']}, {machine['cores']} cores, {versions} "
            "(`benchmarks/speed.json`):",
            "",
            *lines,
        ]
    )


def put(text: str, into: str) -> str:
    before, rest = into.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readme", action="store_true")
    text = table(json.loads((HERE / "speed.json").read_text()))
    if parser.parse_args().readme:
        README.write_text(put(text, README.read_text()))
    else:
        print(text)


if __name__ == "__main__":
    main()
