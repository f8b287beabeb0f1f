from math import nan

import pytest

from prefprop_cli.report.page import (
    PERCENT,
    SHARE,
    Grid,
    Heading,
    Page,
    markdown,
    missing_intervals,
    p_value,
)
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.seeds import Summary

PAGE = Page(
    "figure-2",
    "Figure 2: points",
    (Heading("my_set"), "one *two*\nthree", Grid(("a", "b|c"), (("1", "< 0.1"), ("x", "y`z")))),
    {},
)


def test_markdown():
    assert markdown([PAGE, Page("table-7", "Seconds", (), {})]) == (
        "## Figure 2: points\n\n### my_set\n\none \\*two\\* three\n\n"
        "| a | b\\|c |\n| --- | --- |\n| 1 | \\< 0.1 |\n| x | y\\`z |\n\n## Seconds\n"
    )


def test_markdown_shows_pictures_that_were_drawn():
    assert markdown([PAGE], pictures=["figure-2"]).startswith(
        "## Figure 2: points\n\n![Figure 2: points](figure-2.svg)\n\n### my_set"
    )


def test_figures_in_print():
    interval = Interval(-0.00004, 0.8341, 0.95)
    assert PERCENT.spread(Summary(3, 0.818, 0.0123, interval)) == "81.8 ± 1.2"
    assert SHARE.spread(Summary(1, 0.0421, nan, None)) == "0.042"
    assert PERCENT.between(interval) == "[0.0, 83.4]"
    assert SHARE.between(None) == SHARE.show(None) == SHARE.show(nan) == "-"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.00099, "< 0.001"), (0.00123, "0.0012"), (0.0456, "0.046"), (0.31, "0.31"), (None, "-")],
)
def test_p_values_in_print(value, shown):
    assert p_value(value) == shown


def test_intervals_that_are_missing_for_one_reason_are_named_together():
    whys = [("F1", "too few"), ("ECE", ""), ("NLL", "too few"), ("MCE", "never")]
    assert list(missing_intervals(whys)) == [
        "No interval for F1, NLL: too few.",
        "No interval for MCE: never.",
    ]


def test_columns_say_what_they_show_of_an_item():
    grid = Grid.of([1, 2], ("n", str), ("square", lambda n: str(n * n)), ("none", lambda n: "-"))
    assert grid == Grid(("n", "square", "none"), (("1", "1", "-"), ("2", "4", "-")))
    assert grid.filled.header == ("n", "square")
