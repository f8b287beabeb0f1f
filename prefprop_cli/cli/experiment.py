"""What `prepare`, `train` and `bench` share: reading the configuration, telling the data."""

import json
from collections.abc import Sequence
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
    """Say how many documents there are, how long, how many are cut, and what is wrong with them."""
    summary = prepared.summary
    counts = {name: len(table) for name, table in prepared.splits.items()}
    parts = ", ".join(f"{count} {name}" for name, count in counts.items())
    console.info(f"data: {summary['source']}, {parts} documents, {len(prepared.labels)} classes")
    tokens, truncated = summary["tokens"], summary["truncated"]
    assert isinstance(tokens, dict)
    assert isinstance(truncated, dict)
    median = next(iter(tokens.values()))["50"]
    share = max(truncated.values())
    console.info(
        f"tokens: median {median} in train; {share:.0%} of documents are cut at "
        f"{summary['max_tokens']}"
    )
    notes = summary["notes"]
    assert isinstance(notes, list)
    for note in notes:
        console.warn(note) if "leak" in note else console.info(f"note: {note}")
