"""Single requests to the hub for data sets, answered from the libraries' caches where it is away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets
import huggingface_hub
from huggingface_hub import constants

from prefprop_cli.hub import is_commit


def commit_of(name: str, revision: str) -> str:
    """The commit that a revision is at; if the hub does not answer, at which it was last seen.

    Raises:
        Exception: the hub does not give it, and it was never seen.
    """
    if is_commit(revision):
        return revision
    try:
        return Path(fetched(name, "README.md", revision)).parent.name
    except Exception:
        # Written by huggingface_hub with each answer, also with "there is no such file".
        repository = f"datasets--{name.replace('/', '--')}"
        seen = Path(constants.HF_HUB_CACHE).expanduser() / repository / "refs" / revision
        if not seen.is_file():
            raise
        return seen.read_text().strip()


def fetched(name: str, file: str, revision: str) -> str:
    """The path of a file of a data set in the hub's cache, downloaded where it is missing.

    Raises:
        Exception: the hub does not give it, and the cache has not got it.
    """
    return huggingface_hub.hf_hub_download(
        name,
        file,
        repo_type="dataset",
        revision=revision,
        local_files_only=datasets.config.HF_HUB_OFFLINE,
    )


def cache_of(commit: str) -> Path:
    """The folder for what is made of a commit."""
    return Path(datasets.config.HF_DATASETS_CACHE).expanduser() / "prefprop" / commit


@contextmanager
def quiet() -> Iterator[None]:
    """No lines of the libraries on stderr, nor the bars of `datasets`; downloads keep theirs."""
    loggers = (datasets.utils.logging, huggingface_hub.utils.logging)
    levels = [logger.get_verbosity() for logger in loggers]
    has_bars = datasets.utils.is_progress_bar_enabled()
    for logger in loggers:
        logger.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.set_verbosity(level)
        if has_bars:
            datasets.enable_progress_bars()
