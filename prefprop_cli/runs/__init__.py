"""Run folders: what they hold, who may write to them, and how far they are; stdlib only."""

from prefprop_cli.atomic import (
    Record,
    read_verified,
    save_folder,
    verify_folder,
    write_atomically,
)
from prefprop_cli.runs.config import check_config, differences
from prefprop_cli.runs.folder import RunFolder, newest_run, resolve_run
from prefprop_cli.runs.place import check_free, check_writable
from prefprop_cli.runs.state import is_begun, unfinished

__all__ = [
    "Record",
    "RunFolder",
    "check_config",
    "check_free",
    "check_writable",
    "differences",
    "is_begun",
    "newest_run",
    "read_verified",
    "resolve_run",
    "save_folder",
    "unfinished",
    "verify_folder",
    "write_atomically",
]
