"""Single requests to the hub for data sets, or to what its libraries have kept."""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import datasets
import huggingface_hub
from huggingface_hub import DatasetInfo
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)

from prefprop_cli.hub import is_commit
from prefprop_cli.notes import note, progress
from prefprop_cli.runs.atomic import make_folder, write_atomically
from prefprop_cli.words import plural

_TIMEOUT_S = 10
_BARS = (datasets.utils, huggingface_hub.utils)


def info_of(name: str, revision: str | None) -> tuple[DatasetInfo, str]:
    """What the hub says of a data set, and the commit that the revision is at.

    Raises:
        Exception: it says nothing.
    """
    if is_offline():
        raise OfflineModeIsEnabled("no network is to be used")
    found = huggingface_hub.HfApi().dataset_info(name, revision=revision, timeout=_TIMEOUT_S)
    if not is_commit(found.sha):
        raise FileMetadataError("no commit is given")
    return found, str(found.sha)


def check_access(name: str, commit: str) -> None:
    """Ask for a file as `datasets` does first, which hides why the hub does not give it.

    Raises:
        Exception: the hub does not say whether there is one, or does not give it.
    """
    try:
        _fetched(name, "README.md", commit)
    except LocalEntryNotFoundError:  # the hub has not said that there is none
        raise
    except EntryNotFoundError:
        return


def download(name: str, files: Sequence[str], commit: str) -> dict[str, Path]:
    """Where each of the files is in the hub's cache, downloaded if it is missing.

    Raises:
        Exception: the hub does not give one, and the cache has not got it.
    """
    paths = {file: _in_cache(name, file, commit) for file in files}
    missing = [file for file, path in paths.items() if path is None]
    if missing:
        note(f"downloading {name}: {plural(len(missing), 'file')}")
        with progress(total=len(missing), label="files") as told:
            for number, file in enumerate(missing, start=1):
                paths[file] = _fetched(name, file, commit)
                told(number)
    return {file: path for file, path in paths.items() if path}


def cache_of(commit: str) -> Path:
    """The folder for what is made of a commit."""
    return Path(datasets.config.HF_DATASETS_CACHE).expanduser() / "prefprop" / commit


def is_offline() -> bool:
    """Whether the user has switched the network off."""
    return bool(datasets.config.HF_HUB_OFFLINE)


def keep(path: Path, value: object) -> None:
    """Write a JSON value."""
    make_folder(path.parent)
    write_atomically(path, json.dumps(value).encode())


@contextmanager
def quiet() -> Iterator[None]:
    """No lines of the libraries on stderr, nor their bars."""
    loggers = (datasets.utils.logging, huggingface_hub.utils.logging)
    levels = [logger.get_verbosity() for logger in loggers]
    drawing = [library for library in _BARS if not library.are_progress_bars_disabled()]
    for logger in loggers:
        logger.set_verbosity(logging.CRITICAL)
    with warnings.catch_warnings(action="ignore"):  # that a variable has the last word
        for library in drawing:
            library.disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.set_verbosity(level)
        for library in drawing:
            library.enable_progress_bars()


def _in_cache(name: str, file: str, commit: str) -> Path | None:
    path = huggingface_hub.try_to_load_from_cache(name, file, repo_type="dataset", revision=commit)
    return Path(path) if isinstance(path, str) else None


def _fetched(name: str, file: str, commit: str) -> Path:
    path = huggingface_hub.hf_hub_download(
        name, file, repo_type="dataset", revision=commit, local_files_only=is_offline()
    )
    return Path(path)
