"""A data set of the hub at one commit, from the hub or from what its libraries have kept of it.

Each commit has a cache of its own, since `datasets`, where the hub does not answer, takes the
newest that it finds in its cache, whichever commit was asked for. No code of a data set is run:
of one with a loading script the hub's own conversion to Parquet is read.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import datasets

from prefprop_cli.data.sets.hub_conversion import CONVERSION, read_conversion
from prefprop_cli.data.sets.hub_library import cache_of, commit_of, fetched, quiet
from prefprop_cli.errors import DataError
from prefprop_cli.hub import is_repository, split_name
from prefprop_cli.notes import note

FORM = "owner/name, owner/name:configuration or owner/name@revision:configuration"


@dataclass(frozen=True)
class HubSet:
    """What `data.source` asks for.

    Attributes:
        name: of the repository, or an existing folder of the same form.
        revision: a branch, a commit or a reference such as `refs/pr/1`; None for `main`.
        configuration: None where there is one only, or a default.
    """

    name: str
    revision: str | None = None
    configuration: str | None = None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return self.name + revision + (f":{self.configuration}" if self.configuration else "")


def parse(source: str) -> HubSet:
    """`owner/name@revision:configuration` in its parts.

    Raises:
        DataError: it is neither of that form nor a folder.
    """
    asked, colon, configuration = source.partition(":")
    name, revision = split_name(asked)
    is_known = is_repository(name) or Path(name).expanduser().is_dir()
    if not is_known or revision == "" or (colon and not configuration):
        raise DataError(f"data.source = {source}: no name of a data set on the hub. Give {FORM}")
    return HubSet(name, revision, configuration or None)


def load(asked: HubSet) -> tuple[datasets.DatasetDict, list[str]]:
    """All splits of a data set, and notes on where they are from.

    Raises:
        DataError: a loading script has no conversion.
        Exception: whatever the libraries raise.
    """
    with quiet():
        if not is_repository(asked.name):
            folder = str(Path(asked.name).expanduser())
            return datasets.load_dataset(folder, asked.configuration), []
        if asked.revision == CONVERSION:
            return read_conversion(asked.name, asked.configuration)
        commit = commit_of(asked.name, asked.revision or "main")
        if _has_script(asked.name, commit):
            return _converted(asked)
        builder = _builder(asked, commit)
        if not Path(builder.cache_dir).is_dir():
            note(f"downloading {asked}")
        builder.download_and_prepare()
        return builder.as_dataset(), [f"{asked.name} is read at commit {commit}"]


def _has_script(name: str, commit: str) -> bool:
    with suppress(Exception):  # if it is not absent but out of reach, what comes next tells why
        return bool(fetched(name, f"{name.rpartition('/')[2]}.py", commit))
    return False


def _converted(asked: HubSet) -> tuple[datasets.DatasetDict, list[str]]:
    if asked.revision not in (None, "main"):
        raise DataError(
            f"data.source = {asked}: a data set with a loading script, which is not run, and the "
            f"hub converts its main revision only. Give {asked.name}@{CONVERSION}"
        )
    parts, notes = read_conversion(asked.name, asked.configuration)
    why = f"{asked.name} has a loading script, which is not run; read is its conversion"
    return parts, [f"{why} {CONVERSION}", *notes]


def _builder(asked: HubSet, commit: str) -> datasets.DatasetBuilder:
    # A folder of this name would come first in the eyes of the library.
    path = f"hf://datasets/{asked.name}" if Path(asked.name).exists() else asked.name
    try:
        return datasets.load_dataset_builder(
            path, asked.configuration, revision=commit, cache_dir=str(cache_of(commit))
        )
    except Exception:
        common = Path(datasets.config.HF_DATASETS_CACHE).expanduser()
        if any(common.glob(f"*/*/*/{commit}")):  # another program has read it
            with suppress(Exception):
                builder = datasets.load_dataset_builder(path, asked.configuration, revision=commit)
                if builder.hash == commit:
                    return builder
        raise
