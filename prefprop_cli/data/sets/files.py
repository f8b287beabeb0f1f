"""Own data: one file, a file or folder per split, or a folder per class.

```
data.jsonl                                     splits are drawn
folder/train.csv  dev.csv  test.csv            missing splits are drawn from train
folder/<label>/*.txt                           splits are drawn
folder/train/<label>/*.txt  folder/test/...    missing splits are drawn from train
```
"""

import os
from collections.abc import Iterator
from pathlib import Path

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.cells import flag, is_missing, matching
from prefprop_cli.data.columns import Columns, columns_of, with_columns
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.data.decoding import Say, sound
from prefprop_cli.data.kinds import TEXT_SUFFIXES, what_is
from prefprop_cli.data.sets import folders
from prefprop_cli.data.sets.common import (
    corpus_of,
    default_split,
    digest,
    document_of,
    source_of,
)
from prefprop_cli.data.table_rows import SUFFIXES, each_row, is_table
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note, note
from prefprop_cli.tables import Errors
from prefprop_cli.words import listed, plural, quoted

WHAT = "a .jsonl, .csv, .tsv or .parquet file, or a folder"
NEEDS_FILES = True
SPLIT_NAMES = {"train": "train", "test": "test"} | dict.fromkeys(
    ("validation", "valid", "val", "dev"), "validation"
)


def read(table: DataTable) -> Corpus:
    """Read the documents at `data.source`, a local file or folder.

    Raises:
        DataError: there is nothing that can be read, a row is not as it should be, or a class has
            a folder in train alone.
        CorruptFileError: a damaged .parquet file.
    """
    default_split(table)
    source = source_of(table, what=WHAT)
    parts = _parts(source)
    notes: list[str] = []
    given = {
        split: list(_documents(path, source, table, say=notes.append))
        for split, path in parts.items()
    }
    for split, path in parts.items():
        if path.is_dir():
            given[split], found = folders.labelled(given[split], path)
            notes += found
    folders.check_all_tested(given, parts)
    inputs = {path.name: digest(path) for path in parts.values()}
    return corpus_of(given, table, name=source.stem, inputs=inputs, notes=tuple(map(Note, notes)))


def find_columns(
    source: Path,
    *,
    text: str | None = None,
    label: str | None = None,
    errors: Errors = "strict",
) -> Columns:
    """Find the columns of a file, or of the training file of a folder, as `columns_of`.

    A folder with a folder per class has none.

    Raises:
        DataError: there is nothing that can be read, or no column that can be meant.
        CorruptFileError: a damaged .parquet file.
    """
    path = _parts(source)["train"] if source.is_dir() else source
    if path.is_dir():
        for option, name in (("text_column", text), ("label_column", label)):
            if name is not None:
                raise DataError(
                    f"{source}: the names of its folders are the classes, and there is no column "
                    f"{quoted(name)}. Leave it out: {flag(option, name)}"
                )
        return Columns()
    if not is_table(path):
        raise _no_table(path)
    return columns_of(path, text=text, label=label, errors=errors)


def labelled_documents(path: Path, table: DataTable) -> list[Document]:
    """Read the documents of one file, or of a folder with a folder per class, without splits.

    Raises:
        DataError: it is missing, or a row is not as it should be.
    """
    if not os.path.exists(path):
        raise DataError(f"{path}: no such file or folder")
    return list(_documents(path, path, table))


def _parts(source: Path) -> dict[str, Path]:
    """Split -> the file or folder with its documents."""
    parts: dict[str, Path] = {}
    for path in sorted(source.iterdir()) if source.is_dir() else ():
        name = path.stem if is_table(path) else path.name
        split = SPLIT_NAMES.get(name.lower())
        if split in parts:
            raise DataError(f"{source}: {parts[split].name} and {path.name} are both {split}")
        if split:
            parts[split] = path
    return parts if "train" in parts else {"train": source}


def _documents(path: Path, root: Path, table: DataTable, *, say: Say = note) -> Iterator[Document]:
    if path.is_dir():
        yield from folders.class_folders(path, root=root, errors=table.errors)
        return
    if not is_table(path):
        raise _no_table(path)
    options = ("text_column", "label_column", "group_column")
    wanted = {option: getattr(table, option) for option in options}
    rows = each_row(path, errors=table.errors, say=say)
    unlabelled: list[str] = []
    n_rows = 0
    for row in with_columns(rows, wanted, path=path, say=say):
        n_rows += 1
        id, fields = f"{path.name}:{row.place}", sound(row.fields)
        name = matching(table.label_column, fields)
        if name is not None and is_missing(fields[name]):
            unlabelled.append(id)
        else:
            yield document_of(fields, table, id=id, where=f"{path}:{row.place}")
    if unlabelled:
        raise DataError(
            f"{path}: {len(unlabelled)} of {plural(n_rows, 'row')} have no label in column "
            f"{quoted(table.label_column)}: {listed(unlabelled, shown=5)}. Fill them in, or take "
            "these rows out; texts without a label are for predict"
        )


def _no_table(path: Path) -> DataError:
    if what := what_is(path):
        return DataError(f"{path}: {what}")
    if path.suffix.lower() in TEXT_SUFFIXES:
        return DataError(
            f"{path}: a text has no label beside it. Put texts into a folder for each class, and "
            "name the folder above these; or a table, and call it .csv"
        )
    return DataError(f"{path}: cannot be read; the file must end in {', '.join(SUFFIXES)}")
