"""The Hugging Face hub: how its repositories are named, its files, and its failures in words."""

from prefprop_cli.hub.causes import Cause, hub_cause, hub_errors
from prefprop_cli.hub.client import is_offline, why_unreachable
from prefprop_cli.hub.repositories import (
    is_commit,
    is_repository,
    kept_models,
    last_commit,
    snapshot,
    split_name,
)

__all__ = [
    "Cause",
    "hub_cause",
    "hub_errors",
    "is_commit",
    "is_offline",
    "is_repository",
    "kept_models",
    "last_commit",
    "snapshot",
    "split_name",
    "why_unreachable",
]
