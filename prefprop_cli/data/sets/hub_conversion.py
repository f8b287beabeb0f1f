"""The Parquet files into which the hub itself converts its data sets.

They lie on a branch of each repository, as `CONFIGURATION/SPLIT/NUMBER.parquet`; of a large split
only the beginning is converted, and its folder is then called `partial-SPLIT`.

Source: huggingface.co/docs/dataset-viewer/parquet.
"""

import json
from collections import defaultdict

import datasets
from huggingface_hub import HfApi

from prefprop_cli.atomic import make_folder, write_atomically
from prefprop_cli.data.sets.hub_library import cache_of, commit_of, fetched
from prefprop_cli.errors import DataError
from prefprop_cli.notes import note, progress

CONVERSION = "refs/convert/parquet"
_PARTIAL = "partial-"
Configurations = dict[str, dict[str, list[str]]]
"""Configuration -> split -> files."""


def read_conversion(
    name: str, configuration: str | None
) -> tuple[datasets.DatasetDict, list[str]]:
    """All splits of a configuration, and notes on where they are from.

    Raises:
        DataError: there is no such configuration, or several and none is named.
        Exception: whatever the libraries raise.
    """
    commit = commit_of(name, CONVERSION)
    splits = _chosen(_configurations(_listed(name, commit)), name, configuration)
    notes = [f"{name} is read at commit {commit}"]
    notes += [
        f"split {split.removeprefix(_PARTIAL)}: the hub has converted only its beginning"
        for split in splits
        if split.startswith(_PARTIAL)
    ]
    paths = _downloaded(name, splits, commit)
    cache = str(cache_of(commit))
    return datasets.load_dataset("parquet", data_files=paths, cache_dir=cache), notes


def _listed(name: str, commit: str) -> list[str]:
    """The files of a commit; kept, so that without the hub it is known whether all are there."""
    kept = cache_of(commit) / "files.json"
    if kept.is_file():
        files: list[str] = json.loads(kept.read_bytes())
        return files
    files = sorted(HfApi().list_repo_files(name, repo_type="dataset", revision=commit))
    make_folder(kept.parent)
    write_atomically(kept, json.dumps(files).encode())
    return files


def _configurations(files: list[str]) -> Configurations:
    found: Configurations = defaultdict(lambda: defaultdict(list))
    for file in files:
        configuration, split, base = ("", "", *file.rsplit("/", 2))[-3:]
        if configuration and base.endswith(".parquet"):
            found[configuration][split].append(file)
    return found


def _chosen(found: Configurations, name: str, asked: str | None) -> dict[str, list[str]]:
    if asked is None and len(found) == 1:
        return next(iter(found.values()))
    if asked in found:
        return found[asked]
    problem = "has several configurations" if asked is None else f'has no configuration "{asked}"'
    raise DataError(
        f"data.source = {name}: it {problem}; found {', '.join(found) or 'none'}. Name one behind "
        f"a colon: {name}:{next(iter(found), 'CONFIGURATION')}"
    )


def _downloaded(name: str, splits: dict[str, list[str]], commit: str) -> dict[str, list[str]]:
    """Split -> paths of its files in the hub's cache."""
    files = [file for names in splits.values() for file in names]
    note(f"{name}: {len(files)} Parquet files, downloaded where the local cache has not got them")
    paths = {}
    with progress(total=len(files), label="files") as done:
        for number, file in enumerate(files, start=1):
            paths[file] = fetched(name, file, commit)
            done(number)
    return {
        split.removeprefix(_PARTIAL): [paths[file] for file in names]
        for split, names in splits.items()
    }
