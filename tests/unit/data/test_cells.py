import json
from decimal import Decimal

import pytest

from prefprop_cli.data.cells import flag, label_of, matching, missing_column, text_of
from prefprop_cli.errors import DataError


@pytest.mark.parametrize(
    ("column", "names", "found"),
    [
        ("text", ["Text", "text"], "text"),
        ("text", ["Text", "label"], "Text"),
        ("LABEL", ["text", " label "], " label "),
        ("text", ["Text", "TEXT"], None),
        ("text", ["texts"], None),
    ],
)
def test_a_name_may_differ_in_case(column: str, names: list[str], found: str | None) -> None:
    assert matching(column, names) == found


def message(column: str, names: list[str], option: str = "text_column", **more: str) -> str:
    return str(missing_column(column, names, option=option, where="a.csv", **more))


def test_what_to_type_for_a_column_that_is_not_there() -> None:
    assert message("reviews", ["id", "review"]) == (
        "a.csv: no column 'reviews'; found 'id', 'review'. Did you mean 'review'? "
        "--text-column review"
    )
    assert message("sentimnt", ["Sentiment now"], "label_column").endswith(
        "Did you mean 'Sentiment now'? --label-column 'Sentiment now'"
    )
    assert message("text", ["a", "b"]).endswith(
        "Name one with --text-column NAME, or data.text_column in a preset"
    )
    assert message("text", ["a", "b"], meant="b").endswith("Did you mean 'b'? --text-column b")
    assert message("by", ["who"], "group_column").endswith("found 'who'. Set data.group_column")


def test_a_cell_in_the_place_of_a_name_is_cut() -> None:
    told = message("text", ["x" * 1900, *map(str, range(40))])
    assert len(told) < 300
    assert f"found '{'x' * 39}…', '0'," in told
    assert "and 29 more" in told


@pytest.mark.parametrize(
    ("name", "typed"),
    [("body", "body"), ("a_b.c-d", "a_b.c-d"), ("the text", "'the text'"), ("it's", "'it'\\''s'")],
)
def test_a_flag_can_be_pasted_into_a_shell(name: str, typed: str) -> None:
    assert flag("text_column", name) == f"--text-column {typed}"


def text(value: object, errors: str = "strict") -> str:
    return text_of({"text": value}, "text", where="a.jsonl:7", errors=errors)  # type: ignore[arg-type]


def test_text_of_a_row() -> None:
    assert text("one\r\ntwo") == "one\ntwo"
    assert text("") == ""
    assert text(json.loads(r'"\ud83d\ude00"')) == "😀"


@pytest.mark.parametrize("value", [None, 3, ["x"], {"a": "b"}])
def test_what_is_no_text(value: object) -> None:
    with pytest.raises(DataError, match=r"a.jsonl:7: 'text' is (empty|of type .*), not a text"):
        text(value)


def test_half_of_a_surrogate_pair() -> None:
    with pytest.raises(DataError, match=r"a.jsonl:7: character 1 is half of a surrogate pair"):
        text("a\ud800b")
    assert text("a\ud800b", errors="replace") == "a\ufffdb"


def test_a_missing_column_names_those_found() -> None:
    with pytest.raises(
        DataError,
        match=r"no column 'text'; found 'body', 'label'. Name one with --text-column NAME, or data",
    ):
        text_of({"body": "x", "label": 1}, "text", where="a.csv:2", errors="strict")
    with pytest.raises(DataError, match=r"no column 'label'; found none. Name one with --label"):
        label_of({}, "label", where="a.csv:2")
    with pytest.raises(DataError, match=r"found none. Set data.group_column$"):
        label_of({}, "author", where="a.csv:2", option="group_column")


def test_a_question_is_no_text() -> None:
    record = {"id": "q", "query": "k", "candidates": ["a"], "supports": ["b"]}
    with pytest.raises(DataError, match=r"a.json:1: a question with candidates, where a text is"):
        text_of(record, "text", where="a.json:1", errors="strict")
    assert text_of(record, "query", where="a.json:1", errors="strict") == "k"


@pytest.mark.parametrize(
    ("value", "label"),
    [
        *((" x ", "x"), (3, "3"), (True, "true"), (False, "false"), (-1, "-1")),
        *((1.0, "1"), (-0.0, "0"), (0.5, "0.5"), (Decimal("2.00"), "2"), (Decimal("2.50"), "2.50")),
    ],
)
def test_labels_are_text(value: object, label: str) -> None:
    assert label_of({"label": value}, "label", where="a.csv:2") == label


def test_a_label_as_it_is_written() -> None:
    assert label_of({"label": " x "}, "label", where="a.csv:2", as_written=True) == " x "


@pytest.mark.parametrize(
    "value", [None, "", " ", float("inf"), float("nan"), Decimal("nan"), ["x"]]
)
def test_what_is_no_label(value: object) -> None:
    with pytest.raises(DataError, match=r"a.csv:2: 'label' is .*; labels are text or numbers"):
        label_of({"label": value}, "label", where="a.csv:2")


def test_a_column_may_differ_in_case() -> None:
    assert text_of({"Text": "x"}, "text", where="a.csv:2", errors="strict") == "x"
    assert label_of({"LABEL ": "y"}, "label", where="a.csv:2") == "y"
