"""Which columns of a table hold the text and the label: by name, by content, never by a guess.

A column is chosen where one is clearly the best; between two that are equally good the user
chooses, and is told what to type.
"""

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

from prefprop_cli.data.cells import Fields, flag, folded, is_cell, matching, missing_column
from prefprop_cli.data.column_values import ColumnValues
from prefprop_cli.data.csv_rows import separator_in
from prefprop_cli.data.decoding import Say, unsaid
from prefprop_cli.data.labels import is_number
from prefprop_cli.data.table_rows import TableRow, each_row
from prefprop_cli.errors import DataError
from prefprop_cli.notes import note
from prefprop_cli.tables import Errors
from prefprop_cli.words import listed, quoted

SAMPLE_ROWS, SAMPLE_CHARACTERS = 1000, 2**24
HEAD_ROWS = 100
"""If none of so many rows has a column, the file has not got it."""
WITH_HEADER = (".csv", ".tsv")
TEXT_NAMES = (
    *("text", "review", "document", "content", "body", "article", "post", "abstract", "message"),
    *("comment", "sentence", "description", "speech", "transcript", "email", "tweet", "story"),
)
"""Names of columns that hold texts; the first decides alone."""
LABEL_NAMES = (
    *("label", "class", "category", "sentiment", "target", "rating", "topic", "tag", "y"),
    *("labels", "stars", "polarity", "genre", "stance"),
)
NEITHER_NAMES = {
    *("id", "index", "idx", "uuid", "date", "time", "timestamp", "year", "url", "split", "fold"),
    *("lang", "language", "unnamed", "length", "count"),
}
SHORTEST_TEXT = 20
"""Characters, median."""
CLEARLY = 2
"""So many times longer than those of any other column are the texts of the one."""
How = Literal["given", "name", "content"]


@dataclass(frozen=True)
class Column:
    """A column that was found."""

    name: str
    """As the file has it."""
    how: How
    """`given` by the user, by its `name`, or by its `content`."""
    others: tuple[str, ...] = ()
    """Columns that were candidates, too."""


@dataclass(frozen=True)
class Columns:
    """Where a set has its texts and labels; None where it has no columns."""

    text: Column | None = None
    label: Column | None = None


def columns_of(
    path: Path,
    *,
    text: str | None = None,
    label: str | None = None,
    errors: Errors = "strict",
) -> Columns:
    """Find the columns of a table in its first rows; see `choose_columns`.

    Raises:
        DataError: the file cannot be read, has no header, has no such column, or several may be
            meant.
        CorruptFileError: a .parquet file that is damaged.
    """
    sample = _sample(each_row(path, errors=errors, say=unsaid))
    names = {name for row in sample for name in row}
    if not any(each and matching(each, names) for each in (text, label, *TEXT_NAMES)):
        _refuse_cells(path, sample)
    return choose_columns(sample, where=str(path), text=text, label=label)


def choose_columns(
    rows: Sequence[Fields],
    *,
    where: str,
    text: str | None = None,
    label: str | None = None,
    classes: Collection[str] = (),
) -> Columns:
    """Find the columns of rows that have been read, such as those of a hub data set.

    `text` and `label` are those that the user names, if any, whose case may differ. `where` is the
    file or set, for the message; `classes` are columns known to hold classes.

    Raises:
        DataError: there is no such column, or several may be meant.
    """
    columns = _values(rows)
    found = _text_column(columns, text, label=label, where=where)
    labels = _label_candidates([c for c in columns if c.name != found.name], known=classes)
    return Columns(found, _choose("label_column", label, labels, columns, where=where))


def with_columns(
    rows: Iterator[TableRow], wanted: Mapping[str, str | None], *, path: Path | str, say: Say = note
) -> Iterator[TableRow]:
    """Yield the rows of a file that has the columns; one that it has not is told once.

    `wanted` are columns by the keys of `[data]`; `path` may be the name of a stream; `say` hears of
    a column whose name differs in case.

    Raises:
        DataError: none of the first rows has one of the columns.
    """
    columns = [column for column in wanted.values() if column is not None]
    head, sample, found = _begun(rows, columns)
    for column, name in found.items():
        if name != column:
            # No more than the file's name, for what is noted goes into the key of a cache.
            say(f"{Path(path).name}: column {quoted(name)} is read as {quoted(column)}")
    for option, missing in wanted.items():
        if sample and missing is not None and missing not in found:
            _refuse_cells(path, sample)
            meant = _meant(option, sample)
            near = meant.name if meant else None
            raise missing_column(missing, sample[0], option=option, where=str(path), meant=near)
    yield from chain(head, rows)


def text_column_in(
    rows: Iterator[TableRow], wanted: str, *, path: Path | str
) -> tuple[str, Iterator[TableRow]]:
    """Find the column of a file that holds the text, and return it with the rows.

    Where the file has not got the one that is wanted, another is found by name or content, and
    said; the wanted one comes back if there is none.
    """
    head, sample, found = _begun(rows, [wanted])
    rows = chain(head, rows)
    other = _meant("text_column", sample) if sample and not found else None
    if other is None or (other.how == "content" and _begins_with_cells(path, sample)):
        return wanted, rows
    note(
        f"{path}: no column {quoted(wanted)} as in training; text ← {quoted(other.name)}, by its "
        f"{other.how}. Another: {flag('text_column', 'NAME')}"
    )
    return other.name, rows


def _begun(
    rows: Iterator[TableRow], columns: Sequence[str]
) -> tuple[list[TableRow], list[Fields], dict[str, str]]:
    """The first rows, until each column has come; those that can be read; column -> its name."""
    head: list[TableRow] = []
    sample: list[Fields] = []
    found: dict[str, str] = {}
    for row in islice(rows, HEAD_ROWS):
        head.append(row)
        if not isinstance(row.fields, DataError):
            sample.append(row.fields)
            for column in columns:
                if name := matching(column, row.fields):
                    found.setdefault(column, name)
        if len(found) == len({*columns}):
            break
    return head, sample, found


def _meant(option: str, sample: Sequence[Fields]) -> Column | None:
    """What a user probably wants who named a column that is not there."""
    with suppress(DataError):
        if option == "text_column":
            return _text_column(_values(sample), None, where="")
        if option == "label_column":
            return choose_columns(sample, where="").label
    return None


_Candidates = tuple[How, Sequence[ColumnValues], Sequence[ColumnValues]]
"""Columns that may be meant: how they were found, those equally good, and the others."""


def _text_column(
    columns: Sequence[ColumnValues], given: str | None, *, label: str | None = None, where: str
) -> Column:
    """The column of the texts; the labels are in another one, which the user may have named."""
    labels = {c.name for c in columns if folded(c.name) in LABEL_NAMES and c.may_be_label}
    named_label = label and matching(label, [each.name for each in columns])
    rest = [c for c in columns if c.name != named_label and c.name not in labels]
    texts = sorted((c for c in rest if c.holds_text), key=lambda each: -each.median_length)
    named = _named(texts, TEXT_NAMES)
    pool = named or [each for each in texts if not each.words & NEITHER_NAMES]
    best = [each for each in pool if CLEARLY * each.median_length > pool[0].median_length]
    if not named and len(texts) > 1:
        best = [each for each in best if each.median_length >= SHORTEST_TEXT]
    others = [c for c in texts if c not in best and c.median_length >= SHORTEST_TEXT]
    how: How = "name" if named else "content"
    candidates = how, best, others if best else texts or rest
    return _choose("text_column", given, candidates, columns, where=where)


def _label_candidates(columns: Sequence[ColumnValues], *, known: Collection[str]) -> _Candidates:
    pool = [each for each in columns if each.name in known] or columns
    if named := _named([each for each in pool if each.may_be_label], LABEL_NAMES):
        # Numbers of a quantity under such a name are refused where all of them are known.
        best = [each for each in named if each.has_classes] or named
    else:
        classes = [each for each in pool if each.has_classes and len(each.distinct) > 1]
        best = [each for each in classes if not each.words & NEITHER_NAMES]
    others = [c for c in columns if c not in best and (c.has_classes if best else c.may_be_label)]
    return "name" if named else "content", best, others


def _named(columns: Sequence[ColumnValues], names: Sequence[str]) -> list[ColumnValues]:
    """Columns that have the first of the names, else any of them, else one as part of theirs."""
    for wanted in (names[:1], names):
        if exact := [each for each in columns if folded(each.name) in wanted]:
            return exact
    return [c for c in columns if c.words & {*names} and not c.words & NEITHER_NAMES]


def _choose(
    option: str,
    given: str | None,
    candidates: _Candidates,
    columns: Sequence[ColumnValues],
    *,
    where: str,
) -> Column:
    how, best, others = candidates
    names = [each.name for each in columns]
    if given is not None:
        found = matching(given, names)
        if found is None:
            meant = best[0].name if len(best) == 1 else None
            raise missing_column(given, names, option=option, where=where, meant=meant)
        return Column(found, "given", tuple(c.name for c in (*best, *others) if c.name != found))
    if len(best) == 1:
        return Column(best[0].name, how, tuple(each.name for each in others))
    is_text = option == "text_column"
    what = option.removesuffix("_column")
    shown = [each.as_text() if is_text else each.as_label() for each in best or others]
    if best:
        raise DataError(
            f"{where}: {len(best)} columns may hold the {what}: {listed(shown, shown=5)}. "
            f"Name one: {flag(option, best[0].name)}"
        )
    none = f"{where}: no column looks like the {what}"
    if nested := [each for each in columns if each.is_nested]:
        raise DataError(f"{none}; {nested[0].taken_out(where)}")
    if len(columns) == 1 and not is_text:
        raise DataError(
            f"{where}: one column, {quoted(*names)}, where two are needed: the texts, and the "
            "label of each. Texts without labels are for predict"
        )
    found_ones = listed(shown or [*map(quoted, names)], shown=5)
    raise DataError(f"{none}; found {found_ones}. Name one with {flag(option, 'NAME')}")


def _values(rows: Sequence[Fields]) -> list[ColumnValues]:
    names = dict.fromkeys(name for row in rows for name in row)
    return [ColumnValues(name, [row.get(name) for row in rows]) for name in names]


def _sample(rows: Iterator[TableRow]) -> list[Fields]:
    """The first rows that can be read; the error of the first if none can."""
    sample: list[Fields] = []
    defect, n_characters = None, 0
    for row in islice(rows, SAMPLE_ROWS):
        if isinstance(row.fields, DataError):
            defect = defect or row.fields
            continue
        sample.append(row.fields)
        n_characters += sum(len(v) for v in row.fields.values() if isinstance(v, str))
        if n_characters > SAMPLE_CHARACTERS:
            break
    if defect and not sample:
        raise defect
    return sample


def _begins_with_cells(path: Path | str, sample: Sequence[Fields]) -> bool:
    """Whether what should be the names of columns are cells of a row.

    They are long, numbers, or stand in their columns, too, and none can but be a name.
    """
    if not isinstance(path, Path) or path.suffix.lower() not in WITH_HEADER:
        return False
    names = list(sample[0])
    if any(ColumnValues(name, [row.get(name) for row in sample]).is_named for name in names):
        return False
    rows = [row for row in sample if list(row) != list(row.values())]
    recurring = (name for name in names if name and any(row[name] == name for row in rows))
    return any(is_cell(name) or is_number(name) for name in names) or any(recurring)


def _refuse_cells(path: Path | str, sample: Sequence[Fields]) -> None:
    """Refuse a table whose first line is a row."""
    if not _begins_with_cells(path, sample):
        return
    path, names = Path(path), list(sample[0])
    columns = [ColumnValues(name, [name, *(row.get(name) for row in sample)]) for name in names]
    text = max(columns, key=lambda each: (each.holds_text, each.median_length))
    others = [each for each in columns if each is not text and each.may_be_label]
    # Of several that may be the label none is called so: it would be taken by its name.
    labels = [each for each in others if each.has_classes and len(each.distinct) > 1] or others
    known = {text.name: "text"} | ({labels[0].name: "label"} if len(labels) == 1 else {})
    header = [known.get(name, f"column_{n}") for n, name in enumerate(names, start=1)]
    line = shlex.quote(separator_in(path).join(header))
    raise DataError(
        f"{path}: it looks as if there is no header line, for the first line begins with "
        f"{quoted(names[0])}. Put the names of the columns above it: "
        f"(echo {line}; cat {shlex.quote(str(path))}) > named{path.suffix}. "
        f"If they are the names, say which is that of the text: {flag('text_column', 'NAME')}"
    )
