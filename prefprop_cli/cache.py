"""Where the program keeps what it can make again: prepared data, converted weights, listings."""

import os
from pathlib import Path

import platformdirs


def default_cache() -> Path:
    """`PREFPROP_CACHE`, else the user's cache folder of this program."""
    return Path(os.environ.get("PREFPROP_CACHE") or platformdirs.user_cache_dir("prefprop"))
