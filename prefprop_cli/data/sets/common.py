"""What several readers share."""

import hashlib
import os
from pathlib import Path

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.cells import Fields, label_of, text_of
from prefprop_cli.data.corpus import Corpus, Document, Splits, labels_of, with_one_spelling
from prefprop_cli.data.decoding import opened
from prefprop_cli.data.kinds import files_below
from prefprop_cli.data.labels import no_classes
from prefprop_cli.data.splits import complete
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note
from prefprop_cli.words import quoted


def source_name(table: DataTable, *, what: str) -> str:
    """Return `data.source`; `what` belongs there."""
    if table.source is None:
        raise DataError(f'data.set = "{table.set}" needs data.source (or --source): {what}')
    return table.source


def source_of(table: DataTable, *, what: str) -> Path:
    """Find the local file or folder that `data.source` names; `what` belongs there.

    Raises:
        DataError: it names none, or there is nothing at it.
    """
    name = source_name(table, what=what)
    path = Path(name).expanduser()
    if not os.path.exists(path):
        # As a run has it: what was typed for the first time is seldom so long.
        moved = f". If it was moved, link it there: ln -s PLACE {path}"
        moved = moved if Path(name).is_absolute() else ""
        raise DataError(f"data.source = {name}: no such file or folder; expected {what}{moved}")
    return path


def document_of(fields: Fields, table: DataTable, *, id: str, where: str) -> Document:
    """Make a document of one row, with the columns the table names.

    Raises:
        DataError: a column is missing or holds something else.
    """
    group = table.group_column
    return Document(
        id,
        text_of(fields, table.text_column, where=where, errors=table.errors),
        label_of(fields, table.label_column, where=where, as_written=True),
        group and label_of(fields, group, where=where, option="group_column"),
    )


def corpus_of(
    given: Splits,
    table: DataTable,
    *,
    name: str,
    inputs: dict[str, str],
    labels: tuple[str, ...] = (),
    notes: tuple[Note, ...] = (),
) -> Corpus:
    """Make a corpus whose missing splits are drawn from `train` by the fractions of the table.

    Raises:
        DataError: the labels are numbers and no classes, or a split cannot be drawn.
    """
    if not labels:
        given, merged = with_one_spelling(given)
        notes += merged
        n_documents = sum(map(len, given.values()))
        if found := no_classes(labels_of(given), n_documents=n_documents):
            raise DataError(
                f"{name}: column {quoted(table.label_column)} holds {found}, or name another "
                "column: --label-column NAME (data.label_column in a preset)"
            )
    shares = {"validation": table.validation_fraction, "test": table.test_fraction}
    splits = complete(given, **shares, seed=table.split_seed)
    if drawn := [split for split in splits if split not in given]:
        notes += (Note(f"drawn from train with seed {table.split_seed}: {', '.join(drawn)}"),)
    return Corpus(name, splits, labels or labels_of(splits), inputs, notes)


def digest(path: Path) -> str:
    """Return the sha256 of a file, or of the names and contents of all files below a folder.

    Hidden ones do not count: to look at a folder on a Mac makes some.
    """
    if path.is_dir():
        files = {file.relative_to(path).as_posix(): digest(file) for file in files_below(path)}
        lines = "".join(f"{sha256} {name}\n" for name, sha256 in files.items())
        return hashlib.sha256(lines.encode()).hexdigest()
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
