from math import isclose

import pytest

from prefprop_cli.report.charts import Axis, Chart, Mark, Picture, bars
from prefprop_cli.report.html import Element, Section, html_page
from tests.helpers.html import Page


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0.6, 0.84, ["0.60", "0.65", "0.70", "0.75", "0.80"]),
        (0, 48, ["0", "10", "20", "30", "40"]),
        (0, 12_000, ["0", "5,000", "10,000"]),
        (0, 0.003, ["0.000", "0.001", "0.002", "0.003"]),
        (3, 3, ["3"]),
    ],
)
def test_ticks_are_round_and_inside(low, high, texts):
    ticks = Axis(low, high).ticks
    assert [text for _, text in ticks] == texts
    assert all(isclose(value, float(text.replace(",", ""))) for value, text in ticks if value)


def chart(*marks):
    return Chart(Axis(0, 10), Axis(0, 1), marks)


def test_shapes_lie_where_the_axes_say():
    drawn = chart()
    corners = (drawn.left, drawn.bottom), (drawn.right, drawn.top)
    assert (drawn.across(0), drawn.down(0)) == corners[0]
    assert (drawn.across(10), drawn.down(1)) == corners[1]
    line = Mark("line", [[(0, 0), (10, 1)]])
    assert drawn.path(line) == f"M{drawn.left} {drawn.bottom}L{drawn.right} {drawn.top}"
    assert drawn.path(Mark("dot", [[(0, 0)]])) == f"M{drawn.left} {drawn.bottom}h0"


def test_bars_are_rectangles():
    assert bars([0], [1], [2], [3]) == [((0, 2), (0, 3), (1, 3), (1, 2))]


def test_the_legend_names_what_is_drawn_once():
    line, empty = Mark("line", [[(0, 0), (1, 1)]], "a"), Mark("bar", [], "nothing")
    picture = Picture("t", [chart(line, empty), chart(line, Mark("dot", [[(1, 1)]]))], alt="x")
    assert [mark.name for mark in picture.legend] == ["a"]


def test_a_page_has_its_pictures_and_says_what_they_show():
    picture = Picture("<b>", [chart(Mark("line", [[(0, 0), (1, 1)]], "<i>"))], alt='a "line"')
    text = html_page("title\x00\u202e", [Section("s", [Element("pictures", [picture])])])
    assert text == html_page("title\x00\u202e", [Section("s", [Element("pictures", [picture])])])
    page = Page(text)
    page.assert_alone()
    assert page.pictures == ['a "line"']
    assert page.texts["figcaption"] == ["<b>"]
    assert page.texts["h1"] == ["title  "]
    assert "<i>" in page.texts["li"]
