"""A data set of the Hugging Face hub, by name; no code that a data set brings is run."""

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import datasets

import prefprop_cli
from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.columns import SAMPLE_ROWS, Columns, choose_columns
from prefprop_cli.data.corpus import Corpus, Splits, content_hash
from prefprop_cli.data.names import matching
from prefprop_cli.data.sets.common import corpus_of, default_split
from prefprop_cli.data.sets.files import SPLIT_NAMES, WHAT
from prefprop_cli.data.sets.hub_files import load
from prefprop_cli.data.sets.hub_names import FORM, HubSet, named, parse
from prefprop_cli.data.sets.hub_rows import NO_LABEL, Part, class_names, read_part
from prefprop_cli.errors import DataError, PrefpropError, is_disk_full
from prefprop_cli.hub import hub_errors
from prefprop_cli.notes import Note
from prefprop_cli.words import listed

_PACKAGE = str(Path(prefprop_cli.__file__).parent)
_PLAIN = (datasets.Value, datasets.ClassLabel)
_LOCAL_FILES = (
    f"Without network give the documents as local files ({WHAT}): prefprop train FILE, or in a "
    'preset data.set = "files", data.source = "FILE"'
)


def read(table: DataTable) -> Corpus:
    """The data set `data.source`: `owner/name`, with `@revision` or `:configuration` behind it.

    Raises:
        DataError: no name is given, the set cannot be had, or its rows are not as they should be.
    """
    default_split(table)
    return read_set(named(table), table)


def find_columns(source: str, *, text: str | None = None, label: str | None = None) -> Columns:
    """The columns of a hub data set, as `choose_columns`; one whose classes it names is the label.

    Args:
        source: as `data.source`.
        text: the column that the user names, if any.
        label: the same.

    Raises:
        DataError: the set cannot be had, or no column can be meant.
    """
    asked = parse(source)
    parts, _ = _load(asked)
    rows = parts[_known(parts, asked)[0]["train"]]
    kinds = {name: kind for name, kind in rows.features.items() if isinstance(kind, _PLAIN)}
    rows = rows.select_columns(list(kinds))  # others may be pictures, and slow to decode
    sample = rows.select(range(min(SAMPLE_ROWS, len(rows)))).to_list()
    classes = [name for name, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)]
    return choose_columns(sample, where=str(asked), text=text, label=label, classes=classes)


def read_set(asked: HubSet, table: DataTable) -> Corpus:
    """A hub data set; splits it has not, or whose labels are secret, are drawn.

    Raises:
        DataError: as `read`.
    """
    parts, notes = _load(asked)
    known, unused = _known(parts, asked)
    table = _with_its_names(table, parts[known["train"]].column_names)
    rows = {
        split: read_part(parts[part], f"{asked.name}/{part}", table)
        for split, part in known.items()
    }
    given, left_out = _labelled(rows)
    inputs = {f"{asked.name}/{known[split]}": content_hash(given[split]) for split in given}
    names = class_names(parts[known["train"]], asked.name, table)
    return corpus_of(
        given,
        table,
        name=str(asked),
        inputs=inputs,
        labels=tuple(dict.fromkeys(names)),
        notes=tuple(map(Note, (*notes, *unused, *left_out, *_on_classes(names, given)))),
    )


def _with_its_names(table: DataTable, names: Sequence[str]) -> DataTable:
    """The table with columns called as the data set calls them, which may differ in case."""
    asked = {option: getattr(table, option) for option in ("text_column", "label_column")}
    return table.model_copy(
        update={option: matching(column, names) or column for option, column in asked.items()}
    )


def _load(asked: HubSet) -> tuple[datasets.DatasetDict, list[str]]:
    what = f"data.source = {asked}: not to be had from the Hugging Face hub or its local cache"
    with _library_errors(what), hub_errors(what, advice=_LOCAL_FILES):
        return load(asked)


def _known(parts: datasets.DatasetDict, asked: HubSet) -> tuple[dict[str, str], list[str]]:
    """Split -> what the data set calls it, and a note on those that are not used."""
    known: dict[str, str] = {}
    for part in parts:
        if split := SPLIT_NAMES.get(part):
            if split in known:
                raise DataError(f"{asked}: {known[split]} and {part} are both {split}")
            known[split] = part
    if "train" not in known:
        raise DataError(f"{asked}: no split called train; found {', '.join(parts)}")
    unused = sorted({*parts} - {*known.values()})
    return known, [f"splits that are not used: {', '.join(unused)}"] if unused else []


def _labelled(rows: dict[str, Part]) -> tuple[Splits, list[str]]:
    """The splits that have labels, and notes on rows and splits that have none."""
    given: Splits = {}
    notes = []
    trained = {document.label for document in rows["train"].documents}
    for split, part in rows.items():
        labels = {document.label for document in part.documents}
        if not labels or (labels == {str(NO_LABEL)} and not labels & trained):
            notes.append(f"split {split}: no row has a label, so that it is not used")
            continue
        given[split] = part.documents
        if part.unlabelled:
            named = listed(part.unlabelled, shown=5)
            notes.append(f"{len(part.unlabelled)} rows have no label and are left out: {named}")
    if "train" not in given:
        raise DataError("split train: no row has a label, and none can be learnt")
    return given, notes


def _on_classes(names: tuple[str, ...], given: Splits) -> Iterator[str]:
    """Notes on the classes that the data set names."""
    same = sorted({name for name in names if names.count(name) > 1})
    if same:
        yield f"classes whose names differ in white space only are one: {', '.join(same)}"
    used = {document.label for documents in given.values() for document in documents}
    unused = [name for name in dict.fromkeys(names) if name not in used]
    if unused:
        yield f"classes that the data set names and no document has: {', '.join(unused)}"


@contextmanager
def _library_errors(what: str) -> Iterator[None]:
    """Turn what the libraries say of a data set into one error."""
    try:
        yield
    except (PrefpropError, MemoryError):
        raise
    except Exception as error:  # they read what strangers wrote, and raise whatever comes of it
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        if is_disk_full(first):
            raise first from error
        if traceback.extract_tb(first.__traceback__)[-1].filename.startswith(_PACKAGE):
            raise
        said = ": ".join(dict.fromkeys(_in_one_line(each) for each in (error, first)))
        hint = f". Give {FORM}" if "config" in said.lower() else ""
        raise DataError(f"{what}: {said}{hint}") from error


def _in_one_line(error: BaseException) -> str:
    # What follows is an example in Python.
    told, _, _ = str(error).partition("\nExample of usage")
    return " ".join(told.split()).rstrip(".")[:500] or type(error).__name__
