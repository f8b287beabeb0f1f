"""Which columns of a table hold the text and the label: by name, by content, never by a guess.

A column is chosen where one is clearly the best; between two that are equally good the user
chooses, and is told what to type.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

from prefprop_cli.data.decoding import Say, unsaid
from prefprop_cli.data.labels import in_order, is_fraction, is_number, no_classes
from prefprop_cli.data.names import flag, is_cell, matching, missing_column
from prefprop_cli.data.table_rows import (
    JSON_SUFFIXES,
    Fields,
    Row,
    each_row,
    is_missing,
    no_column,
    separator_in,
)
from prefprop_cli.errors import DataError
from prefprop_cli.notes import note
from prefprop_cli.tables import Errors
from prefprop_cli.words import listed, plural, quoted

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
LONGEST_LABEL, SHORTEST_TEXT = 60, 20
"""Characters, median."""
CLEARLY = 2
"""So many times longer than those of any other column are the texts of the one."""
MOST_CLASSES, ROWS_PER_CLASS = 100, 3
How = Literal["given", "name", "content"]


@dataclass(frozen=True)
class Column:
    """A column that was found.

    Attributes:
        name: as the file has it.
        how: `given` by the user, by its `name`, or by its `content`.
        others: columns that were candidates, too.
    """

    name: str
    how: How
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Where a set has its texts and labels; None where it has no columns, or no label is needed."""

    text: Column | None = None
    label: Column | None = None


def columns_of(
    path: Path,
    *,
    text: str | None = None,
    label: str | None = None,
    needs_label: bool = True,
    errors: Errors = "strict",
) -> Columns:
    """The columns of a table, found in its first rows.

    Args:
        path: a .csv, .tsv, .parquet or JSON file.
        text: the column that the user names, if any; case may differ.
        label: the same.
        needs_label: whether a label is looked for that is not named.
        errors: what to do with bytes that are no text.

    Raises:
        DataError: the file cannot be read, has no header, has no such column, or several may be
            meant.
        CorruptFileError: a .parquet file that is damaged.
    """
    sample = _sample(each_row(path, errors=errors, say=unsaid))
    names = _names(sample)
    given = [each for each in (text, label) if each is not None]
    is_known = any(matching(each, names) for each in (*given, *TEXT_NAMES))
    if path.suffix.lower() in WITH_HEADER and not is_known:
        _refuse_cells(path, sample)
    return choose_columns(sample, where=str(path), text=text, label=label, needs_label=needs_label)


def choose_columns(
    rows: Sequence[Fields],
    *,
    where: str,
    text: str | None = None,
    label: str | None = None,
    needs_label: bool = True,
    classes: Sequence[str] = (),
) -> Columns:
    """The same for rows that have been read, such as those of a hub data set.

    Args:
        rows: column -> value of each.
        where: file or set, for the message.
        text: as `columns_of`.
        label: as `columns_of`.
        needs_label: as `columns_of`.
        classes: columns that are known to hold classes.

    Raises:
        DataError: there is no such column, or several may be meant.
    """
    columns = {name: _Values(name, [row.get(name) for row in rows]) for name in _names(rows)}
    labels = [
        name for name, of in columns.items() if _has_name(name, LABEL_NAMES) and of.may_be_label
    ]
    label = None if label is None else matching(label, columns) or label
    free = [each for each in columns.values() if each.name not in (label, *labels)]
    texts = _text_candidates(free)
    found_text = _choose("text_column", text, texts, columns, where=where, told=_Values.as_text)
    if label is None and not needs_label:
        return Columns(found_text)
    free = [each for each in columns.values() if each.name != found_text.name]
    labels_found = _label_candidates(free, known=classes)
    return Columns(
        found_text,
        _choose("label_column", label, labels_found, columns, where=where, told=_Values.as_label),
    )


def with_columns(
    rows: Iterator[Row], wanted: Mapping[str, str | None], *, path: Path | str, say: Say = note
) -> Iterator[Row]:
    """The rows of a file, if it has the columns; one that it has not is told once.

    Args:
        rows: of the file.
        wanted: key of `[data]` -> column; None where there is none.
        path: of the file, or the name of a stream.
        say: hears of a column whose name differs in case.

    Raises:
        DataError: none of the first rows has one of the columns.
    """
    missing = {option: column for option, column in wanted.items() if column is not None}
    head: list[Row] = []
    for row in islice(rows, HEAD_ROWS):
        head.append(row)
        if isinstance(row.fields, DataError):
            continue
        for option, column in list(missing.items()):
            if found := matching(column, row.fields):
                del missing[option]
                if found != column:
                    # No more than its name, for what is noted goes into the key of a cache.
                    say(f"{Path(path).name}: column {quoted(found)} is read as {quoted(column)}")
        if not missing:
            break
    sample = [row.fields for row in head if not isinstance(row.fields, DataError)]
    if sample and missing:
        if isinstance(path, Path) and path.suffix.lower() in WITH_HEADER:
            _refuse_cells(path, sample)
        option, column = next(iter(missing.items()))
        meant = _meant(option, sample)
        raise no_column(
            sample[0], column, option=option, where=str(path), meant=meant.name if meant else None
        )
    yield from chain(head, rows)


def text_column_in(
    rows: Iterator[Row], wanted: str, *, path: Path | str, say: Say = note
) -> tuple[str, Iterator[Row]]:
    """The column of a file that holds the text, and its rows.

    Args:
        rows: of the file.
        wanted: the column, if it is there.
        path: of the file, or the name of a stream.
        say: hears of another column that is taken in its place.

    Returns:
        the column found by name or content if it is not there; `wanted` if there is none.
    """
    head: list[Row] = []
    sample: list[Fields] = []
    for row in islice(rows, HEAD_ROWS):
        head.append(row)
        if isinstance(row.fields, DataError):
            continue
        sample.append(row.fields)
        if matching(wanted, row.fields):
            return wanted, chain(head, rows)
    found = _meant("text_column", sample) if sample else None
    has_header = isinstance(path, Path) and path.suffix.lower() in WITH_HEADER
    if found is None or (has_header and found.how == "content" and _begins_with_cells(sample)):
        return wanted, chain(head, rows)
    say(
        f"{path}: no column {quoted(wanted)} as in training; text ← {quoted(found.name)}, by its "
        f"{found.how}. Another: {flag('text_column', 'NAME')}"
    )
    return found.name, chain(head, rows)


def _meant(option: str, sample: Sequence[Fields]) -> Column | None:
    """What a user probably wants who named a column that is not there."""
    if option == "group_column":
        return None
    try:
        found = choose_columns(sample, where="", needs_label=option == "label_column")
    except DataError:
        return None
    return found.text if option == "text_column" else found.label


@dataclass(frozen=True)
class _Values:
    """What a column holds."""

    name: str
    values: Sequence[object]

    @cached_property
    def given(self) -> list[object]:
        """Those that are neither missing nor blank."""
        return [value for value in self.values if not is_missing(value)]

    @cached_property
    def distinct(self) -> set[str]:
        return {str(value).strip() for value in self.given}

    @cached_property
    def median_length(self) -> int:
        lengths = sorted(len(str(value)) for value in self.given)
        return lengths[len(lengths) // 2] if lengths else 0

    @property
    def holds_text(self) -> bool:
        n_texts = sum(isinstance(v, str) and not is_number(v) for v in self.given)
        return 2 * n_texts > len(self.given)

    @property
    def may_be_label(self) -> bool:
        is_scalar = all(isinstance(v, str | int | float | Decimal) for v in self.given)
        return bool(self.given) and is_scalar and self.median_length <= LONGEST_LABEL

    @property
    def has_classes(self) -> bool:
        n = len(self.distinct)
        few = n <= MOST_CLASSES and ROWS_PER_CLASS * n <= len(self.given)
        return self.may_be_label and few and not self.is_quantity

    @cached_property
    def is_quantity(self) -> bool:
        """Whether these are numbers to predict, or to name rows by."""
        has_fractions = any(map(is_fraction, self.distinct))
        too_many = no_classes(in_order(self.distinct), n_documents=len(self.given))
        return self.is_numeric and (has_fractions or too_many is not None)

    @property
    def is_nested(self) -> bool:
        """Whether these are objects, or lists of them, that may hold the columns that are meant."""
        first = [value[:1] if isinstance(value, list) else [value] for value in self.given]
        return bool(self.given) and all(len(v) == 1 and isinstance(v[0], dict) for v in first)

    def taken_out(self, where: str) -> str:
        """What to do with nested values, so that what they hold are columns."""
        value: Any = self.given[0]
        is_list = isinstance(value, list)
        names = listed([quoted(str(name)) for name in (value[0] if is_list else value)], shown=5)
        told = f"{quoted(self.name)} holds objects ({names}), and these are not looked into"
        if Path(where).suffix.lower() not in JSON_SUFFIXES:
            return f"{told}. Make columns of them"
        if len(self.values) == 1 and not is_list and all(str(name).isdecimal() for name in value):
            return (
                f"{quoted(self.name)} holds all its values by their number, as pandas writes them. "
                "Write it again: to_json('rows.jsonl', orient='records', lines=True)"
            )
        key = f".[{json.dumps(self.name)}]"
        taken = shlex.quote(f"{key}[]" if is_list else f". + {key}")
        return f"{told}. Make columns of them: jq -c {taken} {shlex.quote(where)} > rows.jsonl"

    def as_text(self) -> str:
        return f"{quoted(self.name)} (median {self.median_length:,} characters)"

    @property
    def is_numeric(self) -> bool:
        return bool(self.given) and all(map(is_number, self.distinct))

    @property
    def is_named(self) -> bool:
        """Whether the name can be none of the values, as one above the first row is not."""
        if self.is_numeric:
            return bool(self.name.strip()) and not is_number(self.name)
        return self.has_classes and len(self.distinct) > 1 and self.name not in self.distinct

    def as_label(self) -> str:
        if self.is_quantity:
            n = len(self.distinct)
            return f"{quoted(self.name)} ({n} numbers: ids, or a quantity, which needs a few bins)"
        shown = listed([quoted(value, length=20) for value in sorted(self.distinct)])
        return f"{quoted(self.name)} ({plural(len(self.distinct), 'value')}: {shown})"


Found = tuple[How, Sequence[_Values], Sequence[_Values]]
"""How candidates were found, those that are equally good, and the others."""


def _choose(
    option: str,
    given: str | None,
    candidates: Found,
    columns: Mapping[str, _Values],
    *,
    where: str,
    told: Callable[[_Values], str],
) -> Column:
    how, best, others = candidates
    names = list(columns)
    if given is not None:
        found = matching(given, names)
        if found is None:
            meant = best[0].name if len(best) == 1 else None
            raise missing_column(given, names, option=option, where=where, meant=meant)
        return Column(found, "given", tuple(e.name for e in (*best, *others) if e.name != found))
    if len(best) == 1:
        return Column(best[0].name, how, tuple(each.name for each in others))
    what = option.removesuffix("_column")
    if not best:
        raise _none_found(option, [told(each) for each in others], columns, where=where)
    raise DataError(
        f"{where}: {len(best)} columns may hold the {what}: "
        f"{listed([told(each) for each in best], shown=5)}. Name one: "
        f"{flag(option, best[0].name)}"
    )


def _none_found(
    option: str, seen: Sequence[str], columns: Mapping[str, _Values], *, where: str
) -> DataError:
    """The error that no column can be meant, with what to type."""
    what = option.removesuffix("_column")
    for column in columns.values():
        if column.is_nested:
            return DataError(f"{where}: no column looks like the {what}; {column.taken_out(where)}")
    if len(columns) == 1 and option == "label_column":
        return DataError(
            f"{where}: one column, {quoted(*columns)}, where two are needed: the texts, and the "
            "label of each. Texts without labels are for predict"
        )
    found = listed([*seen] or [*map(quoted, columns)], shown=5)
    return DataError(
        f"{where}: no column looks like the {what}; found {found}. Name one with "
        f"{flag(option, 'NAME')}"
    )


def _text_candidates(columns: Sequence[_Values]) -> Found:
    texts = sorted((c for c in columns if c.holds_text), key=lambda each: -each.median_length)
    how, named = _named(texts, TEXT_NAMES)
    pool = named or [each for each in texts if not _words(each.name) & NEITHER_NAMES]
    best = [each for each in pool if CLEARLY * each.median_length > pool[0].median_length]
    if not named and len(texts) > 1:
        best = [each for each in best if each.median_length >= SHORTEST_TEXT]
    if not best:
        return how, best, texts or columns
    return how, best, [e for e in texts if e not in best and e.median_length >= SHORTEST_TEXT]


def _label_candidates(columns: Sequence[_Values], *, known: Sequence[str]) -> Found:
    pool = [each for each in columns if each.name in known] or columns
    how, named = _named([each for each in pool if each.may_be_label], LABEL_NAMES)
    # A column of that name with numbers of a quantity is refused where all of them are known.
    best = [each for each in named if each.has_classes] or named
    if not named:
        classes = [each for each in pool if each.has_classes and len(each.distinct) > 1]
        best = [each for each in classes if not _words(each.name) & NEITHER_NAMES]
    if not best:
        return how, best, [each for each in columns if each.may_be_label]
    return how, best, [each for each in columns if each not in best and each.has_classes]


def _named(columns: Sequence[_Values], names: Sequence[str]) -> tuple[How, list[_Values]]:
    """Columns that have the first of the names, else any of them, else one as part of theirs."""
    exact = [each for each in columns if _has_name(each.name, names[:1])] or [
        each for each in columns if _has_name(each.name, names)
    ]
    parts = [each for each in columns if _words(each.name) & {*names}]
    found = exact or [each for each in parts if not _words(each.name) & NEITHER_NAMES]
    return "name" if found else "content", found


def _has_name(name: str, names: Iterable[str]) -> bool:
    return name.strip().casefold() in names


def _words(name: str) -> set[str]:
    """The words of a name such as `review_text` or `reviewText`."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word for word in re.split(r"[\W_\d]+", parted.casefold()) if word}


def _names(rows: Sequence[Fields]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _sample(rows: Iterator[Row]) -> list[Fields]:
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


def _refuse_cells(path: Path, sample: Sequence[Fields]) -> None:
    """Refuse a table whose first line is a row.

    Raises:
        DataError: what should be names are long, numbers, or stand in their columns, too.
    """
    if not _begins_with_cells(sample):
        return
    names = list(sample[0])
    header = separator_in(path).join(_header_for(names, sample))
    file = shlex.quote(str(path))
    raise DataError(
        f"{path}: it looks as if there is no header line, for the first line begins with "
        f"{quoted(names[0])}. Put the names of the columns above it: "
        f"(echo {shlex.quote(header)}; cat {file}) > named{path.suffix}. "
        f"If they are the names, say which is that of the text: {flag('text_column', 'NAME')}"
    )


def _begins_with_cells(sample: Sequence[Fields]) -> bool:
    """Whether what should be the names of columns are cells of a row."""
    names = list(sample[0])
    columns = [_Values(name, [row.get(name) for row in sample]) for name in names]
    if any(column.is_named for column in columns):
        return False
    return any(_is_cell(name, sample) for name in names)


def _is_cell(name: str, sample: Sequence[Fields]) -> bool:
    recurs = any(row[name] == name for row in sample if name and list(row) != list(row.values()))
    return is_cell(name) or is_number(name) or recurs


def _header_for(names: Sequence[str], sample: Sequence[Fields]) -> list[str]:
    """Names for the columns of rows without a header, by what they hold."""
    columns = [_Values(name, [name, *(row.get(name) for row in sample)]) for name in names]
    text = max(columns, key=lambda each: (each.holds_text, each.median_length))
    others = [each for each in columns if each is not text and each.may_be_label]
    # Of several that may be the label none is called so: it would be taken by its name.
    labels = [each for each in others if each.has_classes and len(each.distinct) > 1] or others
    known = {text.name: "text"} | ({labels[0].name: "label"} if len(labels) == 1 else {})
    return [known.get(name, f"column_{n}") for n, name in enumerate(names, start=1)]
