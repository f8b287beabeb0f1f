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
from prefprop_cli.data.corpus import Corpus, Document, Splits
from prefprop_cli.data.decoding import Say, opened, read_text, sound
from prefprop_cli.data.kinds import TEXT_SUFFIXES, files_below, what_is
from prefprop_cli.data.sets.common import corpus_of, digest, document_of, source_of
from prefprop_cli.data.table_rows import SUFFIXES, each_row, is_table
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note, note
from prefprop_cli.tables import Errors
from prefprop_cli.words import listed, plural, quoted

WHAT = "a .jsonl, .csv, .tsv or .parquet file, or a folder"
SPLITS = ("default",)
NEEDS_FILES = True
UNLABELLED = ("unsup", "unsupervised", "unlabeled", "unlabelled")
"""Folders of texts without a class, such as `train/unsup` of the film reviews `aclImdb`."""
SPLIT_NAMES = {"train": "train", "test": "test"} | dict.fromkeys(
    ("validation", "valid", "val", "dev"), "validation"
)


def read(table: DataTable) -> Corpus:
    """Read the documents at `data.source`, a local file or folder."""
    source = source_of(table, what=WHAT)
    parts = _parts(source)
    notes: list[str] = []
    given = {
        split: list(_documents(path, source, table, say=notes.append))
        for split, path in parts.items()
    }
    for split, path in parts.items():
        if path.is_dir():
            given[split], found = _with_class(given[split], path)
            notes += found
    _check_all_tested(given, parts)
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
        yield from _class_folders(path, root=root, errors=table.errors)
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


def _class_folders(folder: Path, *, root: Path, errors: Errors) -> Iterator[Document]:
    """The documents `folder/<label>/*.txt`, in order; the id is the path below `root`."""
    texts = [path for path in files_below(folder) if _is_text(path, folder)]
    if deeper := [path for path in texts if path.parent.parent != folder]:
        raise DataError(
            f"{folder}: {len(deeper)} texts lie deeper than in a folder for each class, such as "
            f"{deeper[0]}. Give the folder in which the folders of the classes are, or move the "
            "texts up into these"
        )
    if not texts:
        raise DataError(
            f"{folder}: holds neither files for the splits (train.jsonl, dev.csv, test.parquet) "
            "nor a folder for each class with .txt files in it"
        )
    for path in texts:
        with opened(path) as stream:
            text = read_text(stream, name=str(path), errors=errors)
        yield Document(path.relative_to(root).as_posix(), text, label=path.parent.name)


def _with_class(documents: list[Document], folder: Path) -> tuple[list[Document], list[str]]:
    """The documents of a folder that have a class, and notes on all that is left out of it."""
    kept = [each for each in documents if str(each.label).lower() not in UNLABELLED]
    notes = []
    if len(kept) < len(documents):
        names = sorted({str(each.label) for each in documents} - {str(each.label) for each in kept})
        notes.append(
            f"{len(documents) - len(kept)} texts in {folder.name}/ are left out, for the name of "
            f"their folder says that they have no class: {', '.join(names)}. If it is a class, "
            "give the folder another name"
        )
    if others := [path for path in files_below(folder) if not _is_text(path, folder)]:
        named = listed([path.relative_to(folder).as_posix() for path in others], shown=5)
        notes.append(
            f"{len(others)} files in {folder.name}/ are not <label>/*.txt and are left out: {named}"
        )
    return kept, notes


def _check_all_tested(given: Splits, parts: dict[str, Path]) -> None:
    """Refuse a class with a folder in train and none in the folders of the other splits."""
    others = [path for split, path in parts.items() if split != "train" and path.is_dir()]
    if not others or not parts["train"].is_dir():
        return
    labels = {split: {str(d.label) for d in documents} for split, documents in given.items()}
    known = set.union(*(labels[split] for split in labels if split != "train"))
    known |= {folder.name for path in others for folder in path.iterdir()}
    for label in sorted(labels["train"] - known):
        raise DataError(
            f"{parts['train'] / label}: there is no such class in "
            f"{' nor '.join(path.name for path in others)}, so that no result would tell of it. "
            "Move the folder away if it is no class; if it is one, make an empty folder "
            f"{others[-1] / label}"
        )


def _is_text(path: Path, folder: Path) -> bool:
    return path.suffix.lower() == ".txt" and path.parent != folder
