from prefprop_cli.words import listed, plural, shortened


def test_what_is_not_listed_is_counted() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"], shown=2) == "a, b"
    assert listed([*map(str, range(2000))]) == "0, 1, 2 and 1,997 more"


def test_plurals() -> None:
    assert [plural(1, "error"), plural(2, "error")] == ["1 error", "2 errors"]


def test_a_long_text_is_shortened_and_a_short_one_is_not() -> None:
    assert shortened("a" * 40) == "a" * 40
    assert shortened("ab" * 30) == "ab" * 19 + "a…"
