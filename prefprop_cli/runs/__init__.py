"""Run folders: what they hold, who may write to them, and how far they are; stdlib only."""

from prefprop_cli.runs.atomic import Record, read_verified, save_folder, write_atomically
from prefprop_cli.runs.config import check_config, differences
from prefprop_cli.runs.folder import Choice, RunFolder, choose_run, newest_run
from prefprop_cli.runs.metrics import losses_of
from prefprop_cli.runs.state import RunState, check_free, check_writable, is_begun, unfinished
from prefprop_cli.runs.summary import Listing, RunSummary, list_runs, summarize

__all__ = [
    "Choice",
    "Listing",
    "Record",
    "RunFolder",
    "RunState",
    "RunSummary",
    "check_config",
    "check_free",
    "check_writable",
    "choose_run",
    "differences",
    "is_begun",
    "list_runs",
    "losses_of",
    "newest_run",
    "read_verified",
    "save_folder",
    "summarize",
    "unfinished",
    "write_atomically",
]
