"""What is said of documents before anything is trained."""

from pathlib import Path

import pytest
from rich.cells import cell_len

from prefprop_cli.cli.work.start_view import class_lines, data_lines, percent
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.tables import TASKS


def told(
    *, labels: tuple[str, ...] = ("a", "b"), width: int | None = None, **summary: object
) -> list[str]:
    """What is said of a training split of 4 and a test split of 2 documents."""
    facts = {
        "overall": {
            "documents": {"a": 4, "b": 2},
            "tokens": {"50": 7, "100": 20},
            "longer": 0.335,
        },
        "max_tokens": 12,
        "beyond": "truncate",
        "truncated": {"train": 0.25, "test": 0.5},
        "chunked": {"train": 0.0, "test": 0.0},
        "rows": {"train": 4, "test": 2},
        "notes": [],
    }
    splits = {"train": range(4), "test": range(2)}
    prepared = Prepared(Path(), labels, splits, facts | summary)
    task = TASKS["classification" if labels else "wikihop"]
    return list(data_lines(prepared, task, max_length=16, width=width))


def test_documents_classes_and_what_is_cut() -> None:
    assert told() == [
        "  6 documents: 4 train, 2 test",
        "  2 classes: a 4, b 2",
        "  length: median 7 tokens, 34 % over 12; 33 % are cut (data.max_length 16 less 4 of the "
        "prefix)",
    ]


def test_where_nothing_is_cut_the_longest_is_said() -> None:
    none = {"overall": {"documents": {"a": 6}, "tokens": {"50": 7, "100": 9}, "longer": 0.0}}
    lines = told(**none, truncated={"train": 0.0, "test": 0.0})
    assert lines[2] == "  length: median 7 tokens, at most 9"


def test_questions_have_candidates() -> None:
    assert told(labels=())[0].endswith("2 test, each with candidates of its own")
    assert "classes" not in "".join(told(labels=()))


@pytest.mark.parametrize(
    ("beyond", "said"),
    [
        ("head+tail", "33 % are cut, in the middle (data.max_length 16 less 4 of the prefix)"),
        ("chunk", "33 % are read in chunks of at most 12, up to 9 rows a split"),
    ],
)
def test_how_long_documents_are_read(beyond: str, said: str) -> None:
    chunks = {"chunked": {"train": 0.5, "test": 0.0}, "rows": {"train": 9, "test": 2}}
    none = {"truncated": {"train": 0.0, "test": 0.0}}
    more = chunks | none if beyond == "chunk" else {}
    expected = f"  length: median 7 tokens, 34 % over 12; {said}"
    assert told(beyond=beyond, **more)[2] == expected


def test_bars_have_the_most_frequent_class_first() -> None:
    assert list(class_lines({"cars": 30, "space": 60}, width=80)) == [
        "  space  ██████████ 60    cars   █████      30"
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_bars_fit(width: int) -> None:
    documents = {f"class {n} 車 {'x' * n}": 1200 - 100 * n for n in range(12)}
    lines = list(class_lines(documents, width=width))
    assert max(map(cell_len, lines)) <= width
    assert lines[-1] == "  and 2 more classes with 300 documents"
    assert sum(line.count("class ") for line in lines) == 10


def test_names_of_classes_are_escaped() -> None:
    assert list(class_lines({"\x1b[31mred": 1}, width=None)) == ["  1 classes: \\x1b[31mred 1"]
    assert "\x1b" not in "".join(class_lines({"\x1b[31mred": 1}, width=80))


@pytest.mark.parametrize(
    ("share", "said"), [(0, "0 %"), (0.004, "under 1 %"), (0.995, "99 %"), (1, "100 %")]
)
def test_percent(share: float, said: str) -> None:
    assert percent(share) == said
