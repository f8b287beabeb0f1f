"""The Hugging Face hub: how its repositories are named, and its failures in words."""

from prefprop_cli.hub.causes import Cause, hub_cause
from prefprop_cli.hub.errors import hub_errors
from prefprop_cli.hub.kept import kept_models, kept_of, last_commit
from prefprop_cli.hub.names import is_commit, is_repository, split_name
from prefprop_cli.hub.reach import why_unreachable

__all__ = [
    "Cause",
    "hub_cause",
    "hub_errors",
    "is_commit",
    "is_repository",
    "kept_models",
    "kept_of",
    "last_commit",
    "split_name",
    "why_unreachable",
]
