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
    tokens = summary["tokens"]
    assert isinstance(tokens, dict)
    console.info(
        f"tokens: median {next(iter(tokens.values()))['50']} in train; {_reading(summary)}"
    )
    notes = summary["notes"]
    assert isinstance(notes, list)
    for note in notes:
        console.warn(note) if "leak" in note else console.info(f"note: {note}")


def _reading(summary: Mapping[str, object]) -> str:
    """What is read of long documents, for the split in which most are long."""
    cut, chunked, n_rows = (_most(summary[key]) for key in ("truncated", "chunked", "rows"))
    most = summary["max_tokens"]
    if summary["beyond"] == "chunk":
        return (
            f"{chunked:.0%} of documents are read in chunks of at most {most}, up to {n_rows} "
            f"rows a split; {cut:.0%} are cut"
        )
    where = ", in the middle" if summary["beyond"] == "head+tail" else ""
    return f"{cut:.0%} of documents are cut at {most}{where}"


def _most(of_splits: object) -> float:
    assert isinstance(of_splits, dict)
    return max(of_splits.values())
