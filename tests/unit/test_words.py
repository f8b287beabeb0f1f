import pytest

from prefprop_cli.words import escape, listed, plural, shortened, size


def test_what_is_not_listed_is_counted() -> None:
    assert listed([]) == ""
    assert listed(["a", "b"], shown=2) == "a, b"
    assert listed([*map(str, range(2000))]) == "0, 1, 2 and 1,997 more"


def test_plurals() -> None:
    assert [plural(1, "error"), plural(2, "error")] == ["1 error", "2 errors"]


def test_a_long_text_is_shortened_and_a_short_one_is_not() -> None:
    assert shortened("a" * 40) == "a" * 40
    assert shortened("ab" * 30) == "ab" * 19 + "a…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("naïve 文書 🦊", "naïve 文書 🦊"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines", r"two\nlines"),
        ("\x9b31m", r"\x9b31m"),
        ("evil\u202etxt.exe", r"evil\u202etxt.exe"),
        ("\u2028", r"\u2028"),
        ("half \ud800", r"half \ud800"),
        ("no\xa0break", "no\xa0break"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
    ],
)
def test_text_of_a_user_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_what_is_to_be_kept_stays() -> None:
    assert escape("a\tb\nc\x07", keep="\n\t") == "a\tb\nc\\x07"


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (25274793984, "23.54 GiB")],
)
def test_sizes(n_bytes: int, shown: str) -> None:
    assert size(n_bytes) == shown
