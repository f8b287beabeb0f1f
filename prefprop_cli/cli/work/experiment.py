"""What `prepare`, `train` and `bench` share: reading the configuration, telling the data."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from prefprop_cli.cli.console import Console

if TYPE_CHECKING:
    from prefprop_cli.config.load import Loaded
    from prefprop_cli.data.prepare import Prepared


def load_settings(
    preset: str | None,
    overrides: Sequence[str],
    *,
    source: str | None = None,
    limit: int | None = None,
    seed: int | None = None,
) -> "Loaded":
    """The configuration: preset, then `-s`, then the flags that stand for one key.

    Raises:
        ConfigError: all its problems.
    """
    from prefprop_cli.config.load import load_config

    flags = {"data.source": source, "data.limit": limit, "train.seed": seed}
    # A JSON text or number is the same in TOML.
    given = [f"{key}={json.dumps(value)}" for key, value in flags.items() if value is not None]
    return load_config(preset=preset, overrides=[*overrides, *given])


def tell_data(console: Console, prepared: "Prepared") -> None:
    """Say how many documents there are, how long, how much is read, and what is wrong with them."""
    summary = prepared.summary
    counts = {name: len(table) for name, table in prepared.splits.items()}
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    classes = f"{len(prepared.labels)} classes" if prepared.labels else "candidates of their own"
    console.info(f"data: {summary['source']}, {parts} documents, {classes}")
    tokens, notes = summary["tokens"], summary["notes"]
    assert isinstance(tokens, dict)
    assert isinstance(notes, list)
    median = next(iter(tokens.values()))["50"]
    console.info(f"tokens: median {median} in train; {_reading(summary, counts)}")
    for note in notes:
        console.info(f"note: {note}")
    for warning in prepared.warnings:
        console.warn(warning)


def _reading(summary: Mapping[str, object], counts: Mapping[str, int]) -> str:
    """What is read of long documents, of all splits together."""
    cut, chunked = (_overall(summary[key], counts) for key in ("truncated", "chunked"))
    most, rows = summary["max_tokens"], summary["rows"]
    if summary["beyond"] == "chunk":
        assert isinstance(rows, dict)
        return (
            f"{chunked:.0%} of documents are read in chunks of at most {most}, up to "
            f"{max(rows.values())} rows a split; {cut:.0%} are cut"
        )
    where = ", in the middle" if summary["beyond"] == "head+tail" else ""
    return f"{cut:.0%} of documents are cut at {most}{where}"


def _overall(shares: object, counts: Mapping[str, int]) -> float:
    assert isinstance(shares, dict)
    return sum(shares[name] * count for name, count in counts.items()) / sum(counts.values())
