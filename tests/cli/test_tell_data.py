from pathlib import Path
from types import SimpleNamespace

import pytest

from prefprop_cli.cli.work.experiment import tell_data
from prefprop_cli.data.prepare import Prepared


def told(*, labels: tuple[str, ...] = ("a", "b"), **summary: object) -> list[str]:
    """What is said of a training split of 4 and a test split of 2 documents."""
    facts = {
        "source": "mine",
        "tokens": {"train": {"50": 7}, "test": {"50": 9}},
        "max_tokens": 12,
        "beyond": "truncate",
        "truncated": {"train": 0.25, "test": 0.5},
        "chunked": {"train": 0.0, "test": 0.0},
        "rows": {"train": 4, "test": 2},
        "notes": [],
        "warnings": [],
    }
    lines: list[str] = []
    console = SimpleNamespace(info=lines.append, warn=lambda line: lines.append(f"warning: {line}"))
    splits = {"train": range(4), "test": range(2)}
    tell_data(console, Prepared(Path(), labels, splits, facts | summary))
    return lines


def test_documents_classes_and_what_is_cut() -> None:
    assert told() == [
        "data: mine, 4 train, 2 test documents, 2 classes",
        "tokens: median 7 in train; 33% of documents are cut at 12",
    ]


def test_questions_have_candidates() -> None:
    assert told(labels=())[0] == "data: mine, 4 train, 2 test documents, candidates of their own"


@pytest.mark.parametrize(
    ("beyond", "said"),
    [
        ("head+tail", "33% of documents are cut at 12, in the middle"),
        (
            "chunk",
            "33% of documents are read in chunks of at most 12, up to 9 rows a split; 0% are cut",
        ),
    ],
)
def test_how_long_documents_are_read(beyond: str, said: str) -> None:
    chunks = {"chunked": {"train": 0.5, "test": 0.0}, "rows": {"train": 9, "test": 2}}
    none = {"truncated": {"train": 0.0, "test": 0.0}}
    more = chunks | none if beyond == "chunk" else {}
    assert told(beyond=beyond, **more)[1] == f"tokens: median 7 in train; {said}"


def test_notes_and_warnings() -> None:
    assert told(notes=["drawn with seed 1"], warnings=["leak: 51 of 65"])[2:] == [
        "note: drawn with seed 1",
        "warning: leak: 51 of 65",
    ]
