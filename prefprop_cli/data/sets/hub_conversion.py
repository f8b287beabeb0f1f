"""The Parquet files into which the hub itself converts its data sets.

They lie on a branch of each repository, as `CONFIGURATION/SPLIT/NUMBER.parquet`; of a large split
only the beginning is converted, and its folder is then called `partial-SPLIT`.

Source: huggingface.co/docs/dataset-viewer/parquet.
"""

from collections import defaultdict
from collections.abc import Sequence

from prefprop_cli.errors import DataError

CONVERSION = "refs/convert/parquet"
_PARTIAL = "partial-"


def chosen(
    files: Sequence[str], name: str, configuration: str | None
) -> tuple[dict[str, list[str]], list[str]]:
    """Split -> its files, of one configuration, and notes on splits that are not whole.

    Args:
        files: all that are on the branch.
        name: of the repository, for the message.
        configuration: which one; None if there is one only.

    Raises:
        DataError: there is no such configuration, or several and none is named.
    """
    found = _configurations(files)
    if configuration is None and len(found) == 1:
        configuration = next(iter(found))
    if configuration not in found:
        asked = f'no configuration "{configuration}"' if configuration else "several configurations"
        raise DataError(
            f"data.source = {name}: it has {asked}; found {', '.join(found) or 'none'}. Name one "
            f"behind a colon: {name}:{next(iter(found), 'CONFIGURATION')}"
        )
    splits = found[configuration]
    notes = [
        f"split {split.removeprefix(_PARTIAL)}: the hub has converted only its beginning"
        for split in splits
        if split.startswith(_PARTIAL)
    ]
    return {split.removeprefix(_PARTIAL): paths for split, paths in splits.items()}, notes


def _configurations(files: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Configuration -> split -> files."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        configuration, split, base = ("", "", *file.rsplit("/", 2))[-3:]
        if configuration and base.endswith(".parquet"):
            found[configuration][split].append(file)
    return found
