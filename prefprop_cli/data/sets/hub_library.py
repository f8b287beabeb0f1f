"""Single requests to the hub for data sets, or to what its libraries have kept."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import datasets
import huggingface_hub
from huggingface_hub import constants

from prefprop_cli.atomic import make_folder, write_atomically
from prefprop_cli.hub import is_commit
from prefprop_cli.notes import note, progress


def commit_of(name: str, revision: str) -> str:
    """The commit that a revision is at; if the hub does not answer, at which it was last seen.

    Raises:
        Exception: the hub does not give it, and it was never seen.
    """
    if is_commit(revision):
        return revision
    try:
        return fetched(name, "README.md", revision).parent.name
    except Exception:
        # Written by huggingface_hub with each answer, also with "there is no such file".
        repository = f"datasets--{name.replace('/', '--')}"
        seen = Path(constants.HF_HUB_CACHE).expanduser() / repository / "refs" / revision
        if not seen.is_file():
            raise
        return seen.read_text().strip()


def fetched(name: str, file: str, revision: str) -> Path:
    """Where a file is in the hub's cache, downloaded if it is missing.

    Raises:
        Exception: the hub does not give it, and the cache has not got it.
    """
    is_offline = datasets.config.HF_HUB_OFFLINE
    return Path(
        huggingface_hub.hf_hub_download(
            name, file, repo_type="dataset", revision=revision, local_files_only=is_offline
        )
    )


def files_of(name: str, commit: str) -> list[str]:
    """The names of all files of a commit; kept, so that without the hub they are known, too.

    Raises:
        Exception: the hub does not give them, and they are not kept.
    """
    kept = cache_of(commit) / "files.json"
    if not kept.is_file():
        api = huggingface_hub.HfApi()
        keep(kept, sorted(api.list_repo_files(name, repo_type="dataset", revision=commit)))
    found: list[str] = json.loads(kept.read_bytes())
    return found


def name_of(name: str, commit: str) -> str:
    """The name of a repository with its owner, if it has got one: `imdb` is `stanfordnlp/imdb`.

    Raises:
        Exception: the hub does not give it, and it is not kept.
    """
    if "/" in name:
        return name
    kept = cache_of(commit) / "name.json"
    if not kept.is_file():
        keep(kept, huggingface_hub.HfApi().dataset_info(name, revision=commit).id)
    return str(json.loads(kept.read_bytes()))


def download(name: str, files: list[str], commit: str) -> dict[str, Path]:
    """Where each of the files is in the hub's cache, downloaded if it is missing.

    Raises:
        Exception: the hub does not give one, and the cache has not got it.
    """
    paths = {file: _in_cache(name, file, commit) for file in files}
    missing = [file for file, path in paths.items() if path is None]
    if missing:
        note(f"downloading {name}: {len(missing)} files")
        with progress(total=len(missing), label="files") as told:
            for number, file in enumerate(missing, start=1):
                paths[file] = fetched(name, file, commit)
                told(number)
    return {file: path for file, path in paths.items() if path}


def cache_of(commit: str) -> Path:
    """The folder for what is made of a commit."""
    return Path(datasets.config.HF_DATASETS_CACHE).expanduser() / "prefprop" / commit


def keep(path: Path, value: object) -> None:
    """Write a JSON value."""
    make_folder(path.parent)
    write_atomically(path, json.dumps(value).encode())


@contextmanager
def quiet() -> Iterator[None]:
    """No lines of the libraries on stderr, nor the bars of `datasets`; downloads keep theirs."""
    loggers = (datasets.utils.logging, huggingface_hub.utils.logging)
    levels = [logger.get_verbosity() for logger in loggers]
    has_bars = datasets.utils.is_progress_bar_enabled()
    for logger in loggers:
        logger.set_verbosity(logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.set_verbosity(level)
        if has_bars:
            datasets.enable_progress_bars()


def _in_cache(name: str, file: str, commit: str) -> Path | None:
    options = {"repo_type": "dataset", "revision": commit}
    path = huggingface_hub.try_to_load_from_cache(name, file, **options)
    return Path(path) if isinstance(path, str) else None
