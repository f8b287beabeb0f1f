import sys

import pytest

from prefprop_cli.errors import UsageError
from prefprop_cli.report.drawing import (
    COLOURS,
    at_least,
    colours,
    legend_below,
    new_figure,
    write_figure,
)

pytest.importorskip("matplotlib")


def figure(names):
    with new_figure(5, 3) as drawn:
        for axes in drawn.subplots(1, 2):
            for name in names:
                axes.plot([0, 1], label=name)
        legend_below(drawn)
    return drawn


@pytest.mark.parametrize(("suffix", "start"), [(".svg", b"<?xml"), (".png", b"\x89PNG")])
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix, start):
    paths = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    for path in paths:
        write_figure(figure(["a", "b"]), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes().startswith(start)


def test_a_picture_is_svg_or_png(tmp_path):
    with pytest.raises(UsageError, match=r"a picture's name ends in \.svg or \.png"):
        write_figure(figure(["a"]), tmp_path / "one.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("length", "n_columns"), [(3, 4), (20, 2), (80, 1)])
def test_the_legend_names_each_thing_once_and_fits(length, n_columns):
    drawn = figure([str(n) * length for n in range(4)])
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == [str(n) * length for n in range(4)]
    assert legend._ncols == n_columns


@pytest.mark.parametrize(
    ("limits", "ends"),
    [((83, 84), (73.5, 93.5)), ((99, 100), (80, 100)), ((1, 2), (0, 20)), ((10, 95), (10, 95))],
)
def test_an_axis_is_not_zoomed_onto_one_value(limits, ends):
    assert at_least(20, limits, most=100) == ends


def test_a_name_has_one_colour():
    found = colours(["a", "b", "a", *map(str, range(20))])
    assert (found["a"], found["b"]) == COLOURS[:2]
    assert len(found) == 22


def test_the_style_ends_with_the_figure():
    from matplotlib import rcParams

    before = rcParams["axes.titlesize"]
    with new_figure(5, 3):
        assert rcParams["axes.titlesize"] == 10
    assert rcParams["axes.titlesize"] == before


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r'pip install "prefprop-cli\[plots\]"'), new_figure(5, 3):
        pass
