import pytest

from prefprop_cli.cli.layout import shortened


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["cars", "x" * 40], ["cars", "xxxxxxxxx…"]),
        (["long names, one", "long names, two"], ["long…, one", "long…, two"]),
        (["車" * 9 + "a", "車" * 9 + "b"], ["車車…車車a", "車車…車車b"]),
        (["aaaaab" + "x" * 9, "aaaaac" + "x" * 9], ["aaaaabxxx…", "aaaaacxxx…"]),
        (["aaaaaaaaaab" + "x" * 9, "aaaaaaaaaac" + "x" * 9], ["aaaaaaaaaab…", "aaaaaaaaaac…"]),
        (["\x1b" * 3], [r"\x1b\x1b\…"]),
        ([], []),
    ],
)
def test_names_of_classes_are_cut_and_still_differ(names: list[str], shown: list[str]) -> None:
    assert shortened(names, 10) == shown
