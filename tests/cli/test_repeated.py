from contextlib import nullcontext
from typing import Any

from prefprop_cli.cli.repeated import KINDS, Repeated, few_notes
from prefprop_cli.notes import Note, note


def test_five_of_a_kind_are_told_and_then_how_many_more() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for row in range(118):
            warn(f"new.csv:{row}: 3 fields, the header has {row}", where=f"new.csv:{row}")
        warn("a.txt: the document is empty", where="a.txt")
    assert told == [
        *(f"new.csv:{row}: 3 fields, the header has {row}" for row in range(5)),
        "a.txt: the document is empty",
        "… and 113 more like this: 3 fields, the header has 0",
    ]


def test_places_and_what_stands_in_quotes_make_no_kind() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for name in "abcdefgh":
            warn(f"{name}.txt: no column '{name}' here", where=f"{name}.txt")
    assert len(told) == 6
    assert told[-1].startswith("… and 3 more like this")


def test_kinds_without_end_are_one_in_the_end() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for number in range(1000):
            warn("a" * number)
    assert len(told) == KINDS + 5 + 1
    assert told[-1] == f"… and {1000 - KINDS - 5:,} more like this"


def test_few_are_told_as_they_are() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for number in range(5):
            warn(f"row {number}")
    assert told == [f"row {number}" for number in range(5)]


def test_the_column_of_a_place_is_no_part_of_the_kind() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for row in range(6):
            warn(f"a.jsonl:{row}:1: not JSON", where=f"a.jsonl:{row}")
    assert told[-1] == "… and 1 more like this: not JSON"


class _Heard:
    """Keeps notes."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def info(self, text: str) -> None:
        self.told.append(text)

    def warn(self, text: str) -> None:
        self.told.append(f"warning: {text}")

    def progress(self, *, total: int | None, label: str) -> nullcontext[Any]:
        return nullcontext()


def test_of_notes_of_many_files_five_of_a_kind_are_heard() -> None:
    heard = _Heard()
    with few_notes(heard):
        for name in "abcdefgh":
            note(f"{name}.csv: looks semicolon-separated")
            note(Note(f"{name}.csv: read by another column", "warning"))
        note("a.csv: read as UTF-16")
    told = [text for text in heard.told if "warning" not in text]
    assert told == [
        *(f"{name}.csv: looks semicolon-separated" for name in "abcde"),
        "a.csv: read as UTF-16",
        "… and 3 more like this: looks semicolon-separated",
    ]
    assert [text for text in heard.told if "warning" in text] == [
        *(f"warning: {name}.csv: read by another column" for name in "abcde"),
        "warning: … and 3 more like this: read by another column",
    ]
