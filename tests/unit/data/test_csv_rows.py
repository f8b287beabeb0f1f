import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.data.csv_rows import SEPARATORS, separator_of

HOSTILE = 'one; two, three | four\t"five"\nsix, seven; eight\n'


def table(separator: str, rows: list[list[str]]) -> list[str]:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator, lineterminator="\n").writerows(rows)
    return stream.getvalue().splitlines(keepends=True)


@pytest.mark.parametrize("separator", SEPARATORS)
def test_what_stands_in_quotes_does_not_count(separator: str) -> None:
    rows = [["review", "sentiment"], [HOSTILE, "good"], [HOSTILE * 3, "bad, or not"]]
    assert separator_of(table(separator, rows), whole=True) == separator


@pytest.mark.parametrize("separator", SEPARATORS)
@given(
    st.lists(st.text('ab,;|\t"\n', max_size=12), min_size=1, max_size=6),
    st.integers(min_value=2, max_value=4),
)
def test_any_cells_under_plain_names(separator: str, cells: list[str], width: int) -> None:
    rows = [[f"name{k}" for k in range(width)], *([f"x{cell}"] * width for cell in cells)]
    assert separator_of(table(separator, rows), whole=True) == separator


def test_a_name_may_hold_another_separator() -> None:
    lines = ["text;score, if any;label\n", "a, b;1;x\n", "c;2;y\n"]
    assert separator_of(lines, whole=True) == ";"
    assert separator_of(["text,kind;of\n", "a,b\n", "c;d,e;f\n"], whole=True) == ","


def test_the_last_row_counts_only_where_it_is_whole() -> None:
    lines = ["a,b;c\n", "x,y\n", "x;y\n"]
    assert separator_of(lines, whole=False) == ","
    lines = ["a;b,c\n", "x;y\n", "x,\n"]
    assert separator_of(lines, whole=False) == ";"
    assert separator_of(lines[:2], whole=False) == ","  # nothing but the header tells


@pytest.mark.parametrize("lines", [[], ["\n"], ["text\n", "a; b; c\n"], ['"a;b"\n', "x\n"]])
def test_one_column_is_parted_by_commas(lines: list[str]) -> None:
    assert separator_of(lines, whole=True) == ","
