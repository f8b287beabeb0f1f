"""Whether `config.toml` of a run folder is what the run was started with."""

import hashlib
import shlex
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from prefprop_cli.errors import CorruptFileError, UsageError
from prefprop_cli.runs.atomic import Record


def check_config(file: Path, manifest: Record) -> None:
    """See that a configuration is the one that a manifest speaks of, however it is laid out.

    Raises:
        UsageError: a key has another value than the run was started with; it is named.
        CorruptFileError: it cannot be read.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise CorruptFileError(f"{file} cannot be read: {error.strerror}") from None
    digest, was = hashlib.sha256(data).hexdigest(), manifest.get("config_sha256", "")
    if not was or digest == was:
        return
    try:
        now = tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        changes = [f"it is no TOML now ({error})"]
    else:  # an earlier version of the program kept the hash alone
        known = manifest.get("config")
        changes = ["its sha256 is another one"] if known is None else differences(known, now)
    if changes:
        raise UsageError(
            f"{file} is not the configuration that the run was started with: {'; '.join(changes)}. "
            "Undo the change; or begin a new run with it: "
            f"prefprop train -p {shlex.quote(str(file))}"
        )


def differences(was: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Return what has another value now, as `key NEW, was OLD`; of tables, as `table.key`."""
    old, new = dict(_flat(was)), dict(_flat(now))
    return [
        f"{key} {_shown(new.get(key))}, was {_shown(old.get(key))}"
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    ]


def _flat(values: Mapping[str, object], table: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{table}{key}.")
        else:
            yield f"{table}{key}", value


def _shown(value: object) -> str:
    """A value as a person writes it; a list of equal ones, as of all layers, as the one."""
    if value is None:
        return "not set"
    if isinstance(value, list | tuple) and value and all(item == value[0] for item in value):
        return _shown(value[0])
    return str(value).lower() if isinstance(value, bool) else str(value)
