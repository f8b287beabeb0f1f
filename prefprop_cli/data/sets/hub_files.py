"""A data set of the hub at one commit, from the hub or from what its libraries have kept of it.

What is made of a commit has a folder of its own, since `datasets`, where the hub does not answer,
takes the newest that it finds in its cache, whichever commit was asked for. No code of a data set
is run: of one with a loading script the hub's own conversion to Parquet is read.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

import datasets
from datasets.packaged_modules.cache.cache import Cache
from huggingface_hub.errors import RevisionNotFoundError

from prefprop_cli.data.sets.hub_conversion import CONVERSION, chosen
from prefprop_cli.data.sets.hub_library import (
    cache_of,
    check_access,
    download,
    info_of,
    is_offline,
    keep,
    quiet,
)
from prefprop_cli.data.sets.hub_names import HubSet
from prefprop_cli.errors import DataError
from prefprop_cli.hub import hub_cause, is_repository, last_commit
from prefprop_cli.notes import note


def load(asked: HubSet) -> tuple[datasets.DatasetDict, list[str]]:
    """All splits of a data set, and notes on where they are from.

    Where the hub does not give them, for whatever reason, the cache does, if it has all of them.

    Raises:
        DataError: a loading script has no conversion.
        Exception: whatever the libraries raise.
    """
    with quiet():
        if not is_repository(asked.name):
            folder = str(Path(asked.name).expanduser())
            return datasets.load_dataset(folder, asked.configuration), []
        try:
            found = _find(asked)
            parts, notes = _read(found)
        except Exception as error:
            return _from_cache(asked, error)
        keep(_path_of_last(asked), asdict(found))
        return parts, notes


@dataclass(frozen=True)
class _Found:
    """A data set at one commit.

    Attributes:
        name: of the repository, with its owner if it has got one.
        configuration: as asked for.
        commit: that of the files to read.
        is_conversion: whether they are the hub's conversion of those with a loading script.
        files: all that are there, of a conversion or where there is no owner.
    """

    name: str
    configuration: str | None
    commit: str
    is_conversion: bool = False
    files: Sequence[str] = ()


def _find(asked: HubSet) -> _Found:
    info, commit = info_of(asked.name, asked.revision)
    files = sorted(sibling.rfilename for sibling in info.siblings or [])
    found = _Found(info.id, asked.configuration, commit, asked.revision == CONVERSION)
    if found.is_conversion or f"{info.id.rpartition('/')[2]}.py" not in files:
        is_needed = found.is_conversion or "/" not in info.id
        return replace(found, files=files) if is_needed else found
    if asked.revision not in (None, "main"):
        raise DataError(
            f"data.source = {asked}: a data set with a loading script, which is not run, and the "
            f"hub converts its main revision only. Give {asked.name}@{CONVERSION}"
        )
    try:
        return _find(replace(asked, revision=CONVERSION))
    except RevisionNotFoundError as error:
        raise DataError(
            f"data.source = {asked}: a data set with a loading script, which is not run, and the "
            "hub has no conversion of it. Give the documents as local files"
        ) from error


def _read(found: _Found) -> tuple[datasets.DatasetDict, list[str]]:
    told = f"{found.name} is read at commit {found.commit}"
    if found.is_conversion:
        files, notes = chosen(found.files, found.name, found.configuration)
        told += f" of {CONVERSION}; no loading script is run"
        return _from_parquet(found, files), [told, *notes]
    return (_with_owner(found) if "/" in found.name else _without_owner(found)), [told]


def _from_cache(asked: HubSet, error: Exception) -> tuple[datasets.DatasetDict, list[str]]:
    """What the last call that asked for the same has read, if the error is one of the hub."""
    cause, last = hub_cause(error), _last(asked)
    if cause is None or last is None:
        raise error
    try:
        parts, notes = _read(last)
    except Exception:  # it is not there any more
        raise error from None
    if not is_offline():
        note(f"{asked}: {cause.sentence}; the copy in the local cache is used")
    return parts, notes


def _with_owner(found: _Found) -> datasets.DatasetDict:
    cache = cache_of(found.commit) / quote(found.configuration or "-", safe="")
    base = found.name.rpartition("/")[2]
    with suppress(ValueError, OSError):  # it is not in the cache, or not whole
        kept = Cache(str(cache), base, version="auto", hash="auto", repo_id=found.name)
        return kept.as_dataset()
    note(f"downloading {found.name}")
    builder = _builder(found, cache)
    builder.download_and_prepare()
    return builder.as_dataset()


def _without_owner(found: _Found) -> datasets.DatasetDict:
    """From a folder, since newer libraries read no such repository otherwise."""
    if not found.files:
        raise DataError(f"data.source = {found.name}: the repository holds no files")
    paths = download(found.name, found.files, found.commit)
    file, path = next(iter(paths.items()))
    folder, cache = path.parents[file.count("/")], cache_of(found.commit)
    return datasets.load_dataset(str(folder), found.configuration, cache_dir=str(cache))


def _from_parquet(found: _Found, splits: dict[str, list[str]]) -> datasets.DatasetDict:
    files = [file for names in splits.values() for file in names]
    paths = download(found.name, files, found.commit)
    data_files = {split: [str(paths[file]) for file in names] for split, names in splits.items()}
    cache = str(cache_of(found.commit))
    return datasets.load_dataset("parquet", data_files=data_files, cache_dir=cache)


def _builder(found: _Found, cache: Path) -> datasets.DatasetBuilder:
    # A folder of this name would come first in the eyes of the library.
    path = f"hf://datasets/{found.name}" if Path(found.name).exists() else found.name
    asked = {"path": path, "name": found.configuration, "revision": found.commit}
    try:
        return datasets.load_dataset_builder(**asked, cache_dir=str(cache))
    except Exception:
        common = Path(datasets.config.HF_DATASETS_CACHE).expanduser()
        if any(common.glob(f"*/*/*/{found.commit}")):  # another program has read it
            with suppress(Exception):
                builder = datasets.load_dataset_builder(**asked)
                if builder.hash == found.commit:
                    return builder
        check_access(found.name, found.commit)
        raise


def _last(asked: HubSet) -> _Found | None:
    """What the last call that asked for the same has read, or any other program has seen."""
    path = _path_of_last(asked)
    if path.is_file():
        return _Found(**json.loads(path.read_bytes()))
    commit = last_commit(asked.name, asked.revision or "main", "datasets")
    return _Found(asked.name, asked.configuration, commit) if commit else None


def _path_of_last(asked: HubSet) -> Path:
    return cache_of("last") / f"{quote(str(asked), safe='')}.json"
