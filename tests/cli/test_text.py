import pytest

from prefprop_cli.cli.text import duration, escape, quantity, size


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
    ("seconds", "shown"),
    [(0, "0:00"), (59.6, "1:00"), (842, "14:02"), (11655, "3:14:15"), (-3, "0:00")],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.5123, "0.512"),
        (999, "999"),
        (999.6, "1.0k"),
        (12345, "12.3k"),
        (2.5e6, "2.5M"),
        (3e9, "3.0G"),
    ],
)
def test_quantities(value: float, shown: str) -> None:
    assert quantity(value) == shown


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (25274793984, "23.54 GiB")],
)
def test_sizes(n_bytes: int, shown: str) -> None:
    assert size(n_bytes) == shown
