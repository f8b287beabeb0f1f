"""A data set of the hub at one commit, from the hub or from what its libraries have kept of it.

What is made of a commit has a folder of its own, since `datasets`, where the hub does not answer,
takes the newest that it finds in its cache, whichever commit was asked for. No code of a data set
is run: of one with a loading script the hub's own conversion to Parquet is read, which lies on a
branch of the repository as `CONFIGURATION/SPLIT/NUMBER.parquet`; of a large split only the
beginning is converted, and its folder is then called `partial-SPLIT`.

Source: huggingface.co/docs/dataset-viewer/parquet.
"""

import json
import traceback
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

import datasets
from datasets.packaged_modules.cache.cache import Cache
from huggingface_hub import DatasetInfo, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)

import prefprop_cli
from prefprop_cli.data.sets import files
from prefprop_cli.data.sets.hub_names import FORM, HubSet
from prefprop_cli.errors import DataError, PrefpropError, is_disk_full
from prefprop_cli.hub import hub_cause, hub_errors, is_commit, is_repository, last_commit
from prefprop_cli.hub.client import TIMEOUT_S, fetch, fetch_one, quiet
from prefprop_cli.notes import note
from prefprop_cli.runs.atomic import make_folder, write_atomically

CONVERSION = "refs/convert/parquet"
_PARTIAL = "partial-"
_PACKAGE = str(Path(prefprop_cli.__file__).parent)
_LOCAL_FILES = (
    f"Without network give the documents as local files ({files.WHAT}): prefprop train FILE, or "
    'in a preset data.set = "files", data.source = "FILE"'
)


def load(asked: HubSet) -> tuple[datasets.DatasetDict, list[str]]:
    """Read all splits of a data set, with notes on where they are from.

    Where the hub does not give them, for whatever reason, the cache does, if it has all of them.

    Raises:
        DataError: they cannot be had or read.
    """
    what = f"data.source = {asked}: not to be had from the Hugging Face hub or its local cache"
    with _library_errors(what), hub_errors(what, advice=_LOCAL_FILES), quiet(datasets.utils):
        if not is_repository(asked.name):
            folder = str(Path(asked.name).expanduser())
            return datasets.load_dataset(folder, asked.configuration), []
        try:
            found = _find(asked)
            parts, notes = _read(found)
        except Exception as error:
            return _from_cache(asked, error)
        path = _path_of_last(asked)
        make_folder(path.parent)
        write_atomically(path, json.dumps(asdict(found)).encode())
        return parts, notes


@dataclass(frozen=True)
class _Found:
    """A data set at one commit."""

    name: str
    """Of the repository, with its owner if it has got one."""
    configuration: str | None
    commit: str
    is_conversion: bool = False
    """Whether the files are the hub's conversion of those with a loading script."""
    files: Sequence[str] = ()
    """All that are there, of a conversion or where there is no owner."""


def _find(asked: HubSet) -> _Found:
    info, commit = info_of(asked.name, asked.revision)
    files = sorted(sibling.rfilename for sibling in info.siblings or [])
    is_conversion = asked.revision == CONVERSION
    if is_conversion or f"{info.id.rpartition('/')[2]}.py" not in files:
        needed = files if is_conversion or "/" not in info.id else ()
        return _Found(info.id, asked.configuration, commit, is_conversion, needed)
    script = "a data set with a loading script, which is not run, and the hub"
    scripted = f"data.source = {asked}: {script}"
    if asked.revision not in (None, "main"):
        raise DataError(
            f"{scripted} converts its main revision only. Give {asked.name}@{CONVERSION}"
        )
    try:
        return _find(replace(asked, revision=CONVERSION))
    except RevisionNotFoundError as error:
        raise DataError(
            f"{scripted} has no conversion of it. Give the documents as local files"
        ) from error


def info_of(name: str, revision: str | None) -> tuple[DatasetInfo, str]:
    """Ask the hub of a data set, and for the commit that the revision is at."""
    if _is_offline():
        raise OfflineModeIsEnabled("no network is to be used")
    found = HfApi().dataset_info(name, revision=revision, timeout=TIMEOUT_S)
    if not is_commit(found.sha):
        raise FileMetadataError("no commit is given")
    return found, str(found.sha)


def _read(found: _Found) -> tuple[datasets.DatasetDict, list[str]]:
    told = f"{found.name} is read at commit {found.commit}"
    if found.is_conversion:
        splits, notes = _conversion(found)
        told += f" of {CONVERSION}; no loading script is run"
        folder = _fetched(found, [file for files in splits.values() for file in files])
        paths = {split: [str(folder / file) for file in files] for split, files in splits.items()}
        parts = datasets.load_dataset("parquet", data_files=paths, cache_dir=_cache_of(found))
        return parts, [told, *notes]
    if "/" in found.name:
        return _with_owner(found), [told]
    # Newer libraries read no repository without an owner but from a folder.
    if not found.files:
        raise DataError(f"data.source = {found.name}: the repository holds no files")
    folder = _fetched(found, found.files)
    parts = datasets.load_dataset(str(folder), found.configuration, cache_dir=_cache_of(found))
    return parts, [told]


def _from_cache(asked: HubSet, error: Exception) -> tuple[datasets.DatasetDict, list[str]]:
    """What the last call that asked for the same has read, if the error is one of the hub."""
    cause, path = hub_cause(error), _path_of_last(asked)
    if cause is None:
        raise error
    if path.is_file():
        last = _Found(**json.loads(path.read_bytes()))
    elif commit := last_commit(asked.name, asked.revision or "main", "datasets"):
        last = _Found(asked.name, asked.configuration, commit)  # another program has seen it
    else:
        raise error
    try:
        parts, notes = _read(last)
    except Exception:  # it is not there any more
        raise error from None
    if not _is_offline():
        note(f"{asked}: {cause.sentence}; the copy in the local cache is used")
    return parts, notes


def _conversion(found: _Found) -> tuple[dict[str, list[str]], list[str]]:
    """Split -> its files, of one configuration, and notes on splits that are not whole."""
    every: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in found.files:
        configuration, split, base = ("", "", *file.rsplit("/", 2))[-3:]
        if configuration and base.endswith(".parquet"):
            every[configuration][split].append(file)
    wanted = found.configuration or (next(iter(every)) if len(every) == 1 else None)
    if wanted not in every:
        asked = f'no configuration "{wanted}"' if wanted else "several configurations"
        raise DataError(
            f"data.source = {found.name}: it has {asked}; found {', '.join(every) or 'none'}. Name "
            f"one behind a colon: {found.name}:{next(iter(every), 'CONFIGURATION')}"
        )
    notes = [
        f"split {split.removeprefix(_PARTIAL)}: the hub has converted only its beginning"
        for split in every[wanted]
        if split.startswith(_PARTIAL)
    ]
    return {split.removeprefix(_PARTIAL): files for split, files in every[wanted].items()}, notes


def _with_owner(found: _Found) -> datasets.DatasetDict:
    cache = str(Path(_cache_of(found)) / quote(found.configuration or "-", safe=""))
    with suppress(ValueError, OSError):  # it is not in the cache, or not whole
        base = found.name.rpartition("/")[2]
        return Cache(cache, base, version="auto", hash="auto", repo_id=found.name).as_dataset()
    note(f"downloading {found.name}")
    builder = _builder(found, cache)
    builder.download_and_prepare()
    return builder.as_dataset()


def _builder(found: _Found, cache: str) -> datasets.DatasetBuilder:
    # A folder of this name would come first in the eyes of the library.
    path = f"hf://datasets/{found.name}" if Path(found.name).exists() else found.name
    asked = {"path": path, "name": found.configuration, "revision": found.commit}
    try:
        return datasets.load_dataset_builder(**asked, cache_dir=cache)
    except Exception:
        if any(_library_cache().glob(f"*/*/*/{found.commit}")):  # another program has read it
            with suppress(Exception):
                builder = datasets.load_dataset_builder(**asked)
                if builder.hash == found.commit:
                    return builder
        # The library hides why the hub does not give what it asks for first.
        try:
            fetch_one(found.name, "README.md", found.commit, kind="datasets", offline=_is_offline())
        except LocalEntryNotFoundError:  # the hub has not said that there is none
            raise
        except EntryNotFoundError:
            pass
        raise


def _fetched(found: _Found, files: Sequence[str]) -> Path:
    sizes = dict.fromkeys(files)
    return fetch(found.name, found.commit, sizes, kind="datasets", offline=_is_offline())


def _is_offline() -> bool:
    return bool(datasets.config.HF_HUB_OFFLINE)


def _library_cache() -> Path:
    return Path(datasets.config.HF_DATASETS_CACHE).expanduser()


def _cache_of(found: _Found) -> str:
    return str(_library_cache() / "prefprop" / found.commit)


def _path_of_last(asked: HubSet) -> Path:
    return _library_cache() / "prefprop" / "last" / f"{quote(str(asked), safe='')}.json"


@contextmanager
def _library_errors(what: str) -> Iterator[None]:
    """Turn what the libraries say of a data set into one error."""
    try:
        yield
    except (PrefpropError, MemoryError):
        raise
    except Exception as error:  # they read what strangers wrote, and raise whatever comes of it
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        if is_disk_full(first):
            raise first from error
        if traceback.extract_tb(first.__traceback__)[-1].filename.startswith(_PACKAGE):
            raise
        said = ": ".join(dict.fromkeys(_in_one_line(each) for each in (error, first)))
        hint = f". Give {FORM}" if "config" in said.lower() else ""
        raise DataError(f"{what}: {said}{hint}") from error


def _in_one_line(error: BaseException) -> str:
    # What follows is an example in Python.
    told, _, _ = str(error).partition("\nExample of usage")
    return " ".join(told.split()).rstrip(".")[:500] or type(error).__name__
