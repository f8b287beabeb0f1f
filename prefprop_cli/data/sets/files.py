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
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.data.records import SUFFIXES, is_table, read_records
from prefprop_cli.data.sets import folders
from prefprop_cli.data.sets.common import corpus_of, default_split, digest, document_of, source_of
from prefprop_cli.errors import DataError

WHAT = "a .jsonl, .csv, .tsv or .parquet file, or a folder"
SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


def read(table: DataTable) -> Corpus:
    """The documents at `data.source`, a local file or folder.

    Raises:
        DataError: there is nothing that can be read, a row is not as it should be, or a class has
            a folder in train alone.
        CorruptFileError: a damaged .parquet file.
    """
    default_split(table)
    source = source_of(table, what=WHAT)
    parts = _parts(source)
    given = {split: list(_documents(path, source, table)) for split, path in parts.items()}
    notes: list[str] = []
    for split, path in parts.items():
        if path.is_dir():
            given[split], found = folders.labelled(given[split], path)
            notes += found
    folders.check_all_tested(given, parts)
    inputs = {path.name: digest(path) for path in parts.values()}
    return corpus_of(given, table, name=source.stem, inputs=inputs, notes=tuple(notes))


def labelled_documents(path: Path, table: DataTable) -> list[Document]:
    """The documents of one file, or of a folder with a folder per class, without splits.

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


def _documents(path: Path, root: Path, table: DataTable) -> Iterator[Document]:
    if path.is_dir():
        yield from folders.class_folders(path, root=root, table=table)
    elif is_table(path):
        for number, fields in read_records(path, errors=table.errors):
            id, where = f"{path.name}:{number}", f"{path}:{number}"
            yield document_of(fields, table, id=id, where=where)
    else:
        raise DataError(f"{path}: cannot be read; the file must end in {', '.join(SUFFIXES)}")
