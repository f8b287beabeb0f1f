import pytest

from prefprop_cli.data.cells import flag, matching, missing_column


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
