from datetime import UTC, datetime, timedelta

import pytest

from prefprop_cli.cli.text import age, duration, quantity, sparkline


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
    ("past", "shown"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=89), "89 s ago"),
        (timedelta(minutes=51), "51 min ago"),
        (timedelta(hours=35), "35 h ago"),
        (timedelta(days=3), "3 d ago"),
    ],
)
def test_ages(past: timedelta, shown: str) -> None:
    assert age((datetime.now(UTC) - past).isoformat()) == shown


def test_ages_of_what_is_long_ago_or_no_time() -> None:
    assert age("2020-01-02T03:04:05.678+00:00") == "2020-01-02"
    assert age("yesterday") == "yesterday"
    assert age("2020-01-02T03:04:05") == "2020-01-02T03:04:05"


@pytest.mark.parametrize(
    ("values", "shown"),
    [([], ""), ([2.0], "▁"), ([3.0, 2.0, 1.0], "█▅▁"), ([1.0, 3.0, 5.0, 7.0], "▁█")],
)
def test_sparklines(values: list[float], shown: str) -> None:
    assert sparkline(values, width=2 if len(values) == 4 else 24) == shown
