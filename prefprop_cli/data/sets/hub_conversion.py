"""The Parquet files into which the hub itself converts its data sets.

They lie on a branch of each repository, as `CONFIGURATION/SPLIT/NUMBER.parquet`; of a large split
only the beginning is converted, and its folder is then called `partial-SPLIT`.

Source: huggingface.co/docs/dataset-viewer/parquet.
"""

from collections import defaultdict

import datasets

from prefprop_cli.data.sets.hub_library import cache_of, download, files_of
from prefprop_cli.errors import DataError

CONVERSION = "refs/convert/parquet"
_PARTIAL = "partial-"
Configurations = dict[str, dict[str, list[str]]]
"""Configuration -> split -> files."""


def read_conversion(
    name: str, configuration: str | None, commit: str
) -> tuple[datasets.DatasetDict, list[str]]:
    """All splits of a configuration, and notes on where they are from.

    Raises:
        DataError: there is no such configuration, or several and none is named.
        Exception: whatever the libraries raise.
    """
    splits = _chosen(_configurations(files_of(name, commit)), name, configuration)
    notes = [
        f"split {split.removeprefix(_PARTIAL)}: the hub has converted only its beginning"
        for split in splits
        if split.startswith(_PARTIAL)
    ]
    paths = download(name, [file for files in splits.values() for file in files], commit)
    data_files = {
        split.removeprefix(_PARTIAL): [str(paths[file]) for file in files]
        for split, files in splits.items()
    }
    cache = str(cache_of(commit))
    return datasets.load_dataset("parquet", data_files=data_files, cache_dir=cache), notes


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
