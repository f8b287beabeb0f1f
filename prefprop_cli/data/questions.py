"""Questions with candidate answers and the texts that hold the answer, in the form of QAngaroo.

```
{"id": "WH_dev_0", "query": "country sms braunschweig", "candidates": ["austria", ...],
 "supports": ["The North German Confederation was ...", ...], "answer": "german empire"}
```

The query opens with a relation, its words joined by underscores.

Source: Welbl et al. (2018), TACL 6, arXiv 1710.06481; the spacing of punctuation is that of
Beltagy et al. (2020), arXiv 2004.05150.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from prefprop_cli.data.cells import Fields
from prefprop_cli.data.corpus import Document
from prefprop_cli.data.decoding import attempt, clean, each_line, opened, read_text, sound
from prefprop_cli.data.json_text import each_json_line, json_values
from prefprop_cli.data.table_rows import JSON_LINES, JSON_SUFFIXES, is_table
from prefprop_cli.data.texts import TextRecord
from prefprop_cli.errors import DataError
from prefprop_cli.tables import Errors

_RECORD_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?\{")
_FIELDS = re.compile(rb'"(?:candidates|supports)"\s*:\s*\[')
_STRAY_SPACE = re.compile(r" (?=[.,!?)]|'s\b)|(?<=\() ")


@dataclass(frozen=True, kw_only=True)
class Question(Document):
    """A document that brings its own classes: the candidates.

    `text` is all of it, line by line; `label` is the answer, one of the candidates, or None where
    it is not known.
    """

    query: str
    candidates: tuple[str, ...]
    """Different from each other."""
    supports: tuple[str, ...]
    """The texts that hold the answer."""
    n_repeated: int = 0
    """Candidates that are left out, for they read the same as an earlier one."""


def read_questions(
    source: Path | BinaryIO, *, name: str = "-", errors: Errors = "strict", lines: bool = False
) -> Iterator[Question]:
    """Read the questions of a file, or of a stream of bytes such as standard input.

    A .jsonl file has a record per line, and so, with `lines`, has a file of any kind; else it is
    JSON: one record, a list of them, or one per line. A record without `id` is called by its place,
    one without `answer` has no label. `name` is that of a stream.

    Raises:
        DataError: the file is missing or no JSON, or a record is not as it should be.
    """
    for where, record in _records(source, name=name, errors=errors, lines=lines):
        yield _question(record, where=where, errors=errors)


def each_question(
    source: Path | BinaryIO, *, errors: Errors = "strict", lines: bool = False
) -> Iterator[TextRecord]:
    """Read questions as `read_questions`, but not their answers.

    A record that is not as it should be is the error, and the others follow.

    Raises:
        DataError: the file is missing or no JSON.
    """
    name = str(source) if isinstance(source, Path) else "-"
    records = _records(source, name=name, errors=errors, lines=lines)
    for number, (where, record) in enumerate(records, start=1):
        known: Fields = record if isinstance(record, dict) else {}
        unanswered = {**known, "answer": None} if known else record
        question = attempt(partial(_question, unanswered, where=where, errors=errors))
        id = known.get("id")
        yield TextRecord(id if isinstance(id, str) else where, question, name, number, known)


def looks_like_questions(head: bytes) -> bool:
    """Return whether a file that begins so holds questions, by the names of their fields."""
    return bool(_RECORD_START.match(head) and _FIELDS.search(head))


def normalised(text: str) -> str:
    """Return the text with single spaces, and none before `. , ! ? ) 's` and behind `(`."""
    return " ".join(_STRAY_SPACE.sub("", text).split())


def _records(
    source: Path | BinaryIO, *, name: str, errors: Errors, lines: bool
) -> Iterator[tuple[str, object]]:
    """(place, JSON value) of each record, or the error of a line that is none."""
    if isinstance(source, Path):
        suffix = source.suffix.lower()
        if is_table(source) and suffix not in JSON_SUFFIXES:
            raise DataError(
                f"{source}: a table, where questions with candidates are needed, which are JSON "
                f"({', '.join(JSON_SUFFIXES)})"
            )
        with opened(source) as stream:
            lines = lines or suffix in JSON_LINES
            yield from _records(stream, name=str(source), errors=errors, lines=lines)
        return
    if lines:
        values = each_json_line(each_line(source, name=name, errors=errors), name=name)
    else:
        text = read_text(source, name=name, errors=errors)
        values, lines = json_values(text, name=name)
    empty = True
    for number, value in values:
        empty = False
        yield f"{name}{':' if lines else ', record '}{number}", value
    if empty:
        raise DataError(f"{name}: the file holds no questions")


def _question(record: object, *, where: str, errors: Errors) -> Question:
    record = sound(record)
    if not isinstance(record, dict):
        raise DataError(f"{where}: expected an object {{...}}, found {type(record).__name__}")

    def field(name: str) -> object:
        if name not in record:
            found = ", ".join(map(repr, record)) or "none"
            raise DataError(f"{where}: no field {name!r}; found {found}")
        return record[name]

    def text(name: str, value: object) -> str:
        if not isinstance(value, str):
            raise DataError(f"{where}: {name!r} is of type {type(value).__name__}, not a text")
        return clean(value, where=f"{where}: {name!r}", errors=errors)

    def texts(name: str) -> tuple[str, ...]:
        values = field(name)
        if not isinstance(values, list):
            raise DataError(f"{where}: {name!r} is of type {type(values).__name__}, not a list")
        return tuple(normalised(text(f"{name}[{n}]", value)) for n, value in enumerate(values))

    id = text("id", record["id"]) if "id" in record else where
    where = where if id == where else f"{where} ({id})"
    query = normalised(text("query", field("query")))
    named, supports = texts("candidates"), texts("supports")
    candidates = tuple(dict.fromkeys(named))
    if not query:
        raise DataError(f"{where}: 'query' is empty")
    if "" in candidates or not candidates:
        raise DataError(f"{where}: 'candidates' is empty, or one of them is")
    given = record.get("answer")
    answer = None if given is None else normalised(text("answer", given))
    if answer not in (None, *candidates):
        raise DataError(
            f"{where}: the answer {answer!r} is none of the {len(candidates)} candidates"
        )
    relation, space, rest = query.partition(" ")
    query = relation.replace("_", " ") + space + rest
    return Question(
        id,
        "\n".join([query, *candidates, "", *supports]),
        answer,
        query=query,
        candidates=candidates,
        supports=supports,
        n_repeated=len(named) - len(candidates),
    )
