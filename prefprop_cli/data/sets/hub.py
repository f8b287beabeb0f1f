"""A data set of the Hugging Face hub, by name; no code that a data set brings is run."""

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.cells import label_of, matching
from prefprop_cli.data.columns import SAMPLE_ROWS, Columns, choose_columns
from prefprop_cli.data.corpus import Corpus, Document, Splits, content_hash
from prefprop_cli.data.sets.common import corpus_of, document_of
from prefprop_cli.data.sets.files import SPLIT_NAMES
from prefprop_cli.data.sets.hub_names import FORM, HubSet, named, parse
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note
from prefprop_cli.words import listed

if TYPE_CHECKING:
    import datasets

WHAT = FORM
SPLITS = ("default",)
NEEDS_FILES = False
NO_LABEL = -1
"""What hub data sets put where a label is not given, as null says, too."""


def read(table: DataTable) -> Corpus:
    """Read `data.source`: `owner/name`, with `@revision` or `:configuration` behind it."""
    return read_set(named(table), table)


def find_columns(source: str, *, text: str | None = None, label: str | None = None) -> Columns:
    """Find the columns of a hub data set, as `choose_columns`, by the classes that it names, too.

    Raises:
        DataError: the set cannot be had, or no column can be meant.
    """
    import datasets

    asked = parse(source)
    parts, _, _ = _load(asked)
    rows = parts["train"]
    plain = (datasets.Value, datasets.ClassLabel)
    kinds = {name: kind for name, kind in rows.features.items() if isinstance(kind, plain)}
    rows = rows.select_columns(list(kinds))  # others may be pictures, and slow to decode
    sample = rows.select(range(min(SAMPLE_ROWS, len(rows)))).to_list()
    classes = [name for name, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)]
    return choose_columns(sample, where=str(asked), text=text, label=label, classes=classes)


def read_set(asked: HubSet, table: DataTable) -> Corpus:
    """Read a hub data set; draw splits it has not, or whose labels are secret."""
    parts, called, notes = _load(asked)
    train = parts["train"]
    # Columns are called as the data set calls them, which may differ in case.
    names = {option: getattr(table, option) for option in ("text_column", "label_column")}
    names = {option: matching(name, train.column_names) or name for option, name in names.items()}
    table = table.model_copy(update=names)
    sources = {split: f"{asked.name}/{part}" for split, part in called.items()}
    read = {split: _documents(rows, sources[split], table) for split, rows in parts.items()}
    trained = {document.label for document in read["train"][0]}
    given: Splits = {}
    for split, (documents, unlabelled) in read.items():
        labels = {document.label for document in documents}
        if not labels or (labels == {str(NO_LABEL)} and not labels & trained):
            notes.append(f"split {split}: no row has a label, so that it is not used")
            continue
        given[split] = documents
        if unlabelled:
            shown = listed(unlabelled, shown=5)
            notes.append(f"{len(unlabelled)} rows have no label and are left out: {shown}")
    if "train" not in given:
        raise DataError("split train: no row has a label, and none can be learnt")
    classes = _class_names(train, asked.name, table.label_column)
    return corpus_of(
        given,
        table,
        name=str(asked),
        inputs={sources[split]: content_hash(documents) for split, documents in given.items()},
        labels=tuple(dict.fromkeys(classes)),
        notes=tuple(map(Note, (*notes, *_on_classes(classes, given)))),
    )


def _load(asked: HubSet) -> tuple[dict[str, "datasets.Dataset"], dict[str, str], list[str]]:
    """The rows of each split, what the data set calls it, and notes."""
    from prefprop_cli.data.sets import hub_files  # a second of `datasets`

    parts, notes = hub_files.load(asked)
    called: dict[str, str] = {}
    for part in parts:
        if split := SPLIT_NAMES.get(part):
            if split in called:
                raise DataError(f"{asked}: {called[split]} and {part} are both {split}")
            called[split] = part
    if "train" not in called:
        raise DataError(f"{asked}: no split called train; found {', '.join(parts)}")
    if unused := sorted({*parts} - {*called.values()}):
        notes.append(f"splits that are not used: {', '.join(unused)}")
    return {split: parts[part] for split, part in called.items()}, called, notes


def _documents(
    rows: "datasets.Dataset", source: str, table: DataTable
) -> tuple[list[Document], list[str]]:
    """The documents of a split, each called `source:number`, and rows without a label."""
    names = _class_names(rows, source, table.label_column)
    columns = [table.text_column, table.label_column, *filter(None, [table.group_column])]
    if {*columns} <= {*rows.column_names}:
        rows = rows.select_columns(columns)  # others may be pictures, and slow to decode
    documents, unlabelled = [], []
    for number, row in enumerate(rows, start=1):
        where, label = f"{source}:{number}", row.get(table.label_column, "")
        # Whole numbers become floats where a table has gaps, and the gaps NaN.
        is_gap = label is None or (isinstance(label, float) and isnan(label))
        if is_gap or (names and label == NO_LABEL):
            unlabelled.append(where)
            continue
        if names:
            if not isinstance(label, int) or not 0 <= label < len(names):
                raise DataError(
                    f"{where}: label {label}, and the data set names {len(names)} classes, 0 to "
                    f"{len(names) - 1}; {NO_LABEL} or null stand for no label"
                )
            row |= {table.label_column: names[label]}
        documents.append(document_of(row, table, id=where, where=where))
    return documents, unlabelled


def _class_names(rows: "datasets.Dataset", source: str, column: str) -> tuple[str, ...]:
    """The name of each class by its number, where the data set states them; one may stand twice."""
    import datasets

    feature = rows.features.get(column)
    if isinstance(feature, datasets.ClassLabel):
        return tuple(
            label_of({column: name}, column, where=f"{source}: name of class {number}")
            for number, name in enumerate(feature.names)
        )
    if feature is not None and not isinstance(feature, datasets.Value):
        raise DataError(
            f"{source}: {column!r} is {feature}, and a document has one class here, not several. "
            "Name another column with data.label_column"
        )
    return ()


def _on_classes(names: tuple[str, ...], given: Splits) -> Iterator[str]:
    """Notes on the classes that the data set names."""
    if same := sorted({name for name in names if names.count(name) > 1}):
        yield f"classes whose names differ in white space only are one: {', '.join(same)}"
    used = {document.label for documents in given.values() for document in documents}
    if unused := [name for name in dict.fromkeys(names) if name not in used]:
        yield f"classes that the data set names and no document has: {', '.join(unused)}"
