"""How `data.source` names a data set of the hub."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.sets.common import source_name
from prefprop_cli.errors import DataError
from prefprop_cli.hub import is_repository, split_name

FORM = "owner/name, owner/name:configuration or owner/name@revision:configuration"


@dataclass(frozen=True)
class HubSet:
    """What `data.source` asks for."""

    name: str
    """Of the repository, or an existing folder of the same form."""
    revision: str | None = None
    """A branch, a commit or a reference such as `refs/pr/1`; None for `main`."""
    configuration: str | None = None
    """None where there is one only, or a default."""

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return self.name + revision + (f":{self.configuration}" if self.configuration else "")


def parse(source: str) -> HubSet:
    """Take `owner/name@revision:configuration` apart.

    Raises:
        DataError: it is neither of that form nor a folder.
    """
    asked, colon, configuration = source.partition(":")
    name, revision = split_name(asked)
    is_known = is_repository(name) or (name and Path(name).expanduser().is_dir())
    if not is_known or revision == "" or (colon and not configuration):
        raise DataError(f"data.source = {source}: no name of a data set on the hub. Give {FORM}")
    return HubSet(name, revision, configuration or None)


def named(table: DataTable) -> HubSet:
    """Return the data set that `data.source` names."""
    return parse(source_name(table, what=FORM))


def is_set_name(source: str) -> bool:
    """Tell whether this may be the name of a data set on the hub."""
    with suppress(DataError):
        return bool(parse(source))
    return False
