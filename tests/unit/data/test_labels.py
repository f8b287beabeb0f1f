import pytest

from prefprop_cli.data.labels import (
    canonical,
    in_order,
    no_classes,
    positions,
    positive_class,
    quantity,
)


@pytest.mark.parametrize(
    ("spellings", "one"),
    [
        (["1", " 1", "+1", "1.0", "1.00"], "1"),
        (["-1", "-1.0", "\N{MINUS SIGN}1"], "-1"),
        (["0", "-0", "0.0", "+0"], "0"),
        (["0.5", "0.50"], "0.5"),
        (["true", "True", "TRUE", "True "], "true"),
        (["neg", "neg ", "\u00a0neg"], "neg"),
        (["caf\u00e9", "cafe\u0301"], "caf\u00e9"),
    ],
)
def test_what_means_the_same_has_one_spelling(spellings: list[str], one: str) -> None:
    assert {canonical(spelling) for spelling in spellings} == {one}


@pytest.mark.parametrize(
    "label", ["01", "00", "Neg", "1e3", "1.", ".5", "--1", "1-2", "truth", "1 1"]
)
def test_what_is_a_name_stays_as_it_is(label: str) -> None:
    assert canonical(label) == label


@pytest.mark.parametrize(
    "ordered",
    [
        ("-1", "1"),
        ("\N{MINUS SIGN}1", "+1"),
        ("-2", "-1", "0", "1", "2"),
        ("-1.5", "0.5", "0.75", "10"),
        ("9", "10", "100", "aa", "b"),
        ("00", "01", "10", "99", "100"),
        ("0.0", "1.0"),
        ("False", "True"),
        ("false", "TRUE"),
        ("2", "false", "true", "a"),
        ("1" * 40, "2" + "0" * 40),
    ],
)
def test_the_order_of_labels(ordered: tuple[str, ...]) -> None:
    assert in_order(reversed(ordered)) == in_order([*ordered, *ordered]) == ordered


def test_labels_are_found_among_known_ones_whatever_their_order_and_spelling() -> None:
    assert positions(["-1", "1"], known=["1", "-1"]) == [1, 0]
    assert positions(["True", "False"], known=["false", "true"]) == [1, 0]
    assert positions(["b"], known=["a", "b"]) == [1]
    assert positions(["a", "c"], known=["a", "b"]) is None
    assert positions(["1", "1.0"], known=["1", "2"]) is None


@pytest.mark.parametrize(
    ("labels", "n_documents", "is_told"),
    [
        ([str(k) for k in range(118)], 400, True),
        ([str(k) for k in range(118)], 118 * 10, False),
        ([str(k) for k in range(20)], 40, False),
        (["0.5", "1"], 4000, True),
        (["0.0", "1.0"], 40, False),
        ([f"class {k}" for k in range(118)], 400, False),
        ([*map(str, range(118)), "other"], 400, False),
    ],
)
def test_numbers_that_look_like_a_quantity(
    labels: list[str], n_documents: int, is_told: bool
) -> None:
    assert (quantity(labels, n_documents=n_documents) is not None) == is_told


@pytest.mark.parametrize(
    ("labels", "n_documents", "are_refused"),
    [
        ([str(k) for k in range(118)], 400, True),
        ([f"{k}.5" for k in range(118)], 400, True),
        ([str(k) for k in range(118)], 118 * 10, False),
        (["0.5", "1", "1.5"], 6, False),
        ([f"class {k}" for k in range(118)], 400, False),
    ],
)
def test_numbers_that_are_no_classes(
    labels: list[str], n_documents: int, are_refused: bool
) -> None:
    assert (no_classes(labels, n_documents=n_documents) is not None) == are_refused


def test_the_positive_class_is_the_second_of_two() -> None:
    assert positive_class(("no", "yes")) == "yes"
    assert positive_class(("a", "b", "c")) is None
    assert positive_class(()) is None
