"""What a configuration leaves open of documents of one's own: what reads them, and the columns."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.columns import Columns
from prefprop_cli.data.sets import files, hub
from prefprop_cli.data.sets.hub_names import is_set_name
from prefprop_cli.data.table_rows import is_table
from prefprop_cli.errors import DataError

COLUMNS = ("text_column", "label_column")


def left_open(table: DataTable) -> tuple[Mapping[str, str], Columns]:
    """Find what a configuration does not say of the documents that `data.source` names.

    That is keys of `[data]` and what they should be, and where the texts and labels are; no columns
    where nobody looked. A data set of the hub is downloaded for it.

    Raises:
        DataError: nothing is there, it cannot be read, or several columns may be meant.
        CorruptFileError: a file is damaged.
    """
    given, source = table.model_fields_set, table.source
    if source is None or table.set not in ("files", "hub"):
        return {}, Columns()
    kind = table.set if "set" in given else set_of(source)
    if {*COLUMNS} <= given:
        return {"set": kind}, Columns()
    text, label = (getattr(table, column) if column in given else None for column in COLUMNS)
    if kind == "files":
        path = Path(source).expanduser()
        columns = files.find_columns(path, text=text, label=label, errors=table.errors)
    else:
        columns = hub.find_columns(source, text=text, label=label)
    named = zip(COLUMNS, (columns.text, columns.label), strict=True)
    return {"set": kind} | {key: found.name for key, found in named if found}, columns


def set_of(source: str) -> str:
    """Return `files` for what is on this disk, `hub` for what may be a data set there.

    Raises:
        DataError: it is neither.
    """
    if os.path.exists(Path(source).expanduser()):
        return "files"
    looks_local = source.startswith((".", "/", "~")) or is_table(Path(source))
    if "/" in source and not looks_local and is_set_name(source):
        return "hub"
    owner = "; a data set of the hub has an owner: OWNER/NAME" if "/" not in source else ""
    advice = meant(source) or f"Give {files.WHAT}{owner}"
    raise DataError(f"{source}: no such file or folder. {advice}")


def meant(source: str) -> str:
    """Ask whether the file beside one that is not there was meant; empty where none is alike."""
    path = Path(source).expanduser()
    names = os.listdir(path.parent) if path.parent.is_dir() else []
    nearest = get_close_matches(path.name, names, n=1, cutoff=0.8)
    return f"Did you mean {path.parent / nearest[0]}?" if nearest else ""
