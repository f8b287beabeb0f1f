from prefprop_cli.cli.repeated import KINDS, Repeated


def test_five_of_a_kind_are_told_and_then_how_many_more() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for row in range(118):
            warn(f"new.csv:{row}: 3 fields, the header has {row}", where=f"new.csv:{row}")
        warn("a.txt: the document is empty", where="a.txt")
    assert told == [
        *(f"new.csv:{row}: 3 fields, the header has {row}" for row in range(5)),
        "a.txt: the document is empty",
        "… and 113 more like this: 3 fields, the header has 0",
    ]


def test_places_and_what_stands_in_quotes_make_no_kind() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for name in "abcdefgh":
            warn(f"{name}.txt: no column '{name}' here", where=f"{name}.txt")
    assert len(told) == 6
    assert told[-1].startswith("… and 3 more like this")


def test_kinds_without_end_are_one_in_the_end() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for number in range(1000):
            warn("a" * number)
    assert len(told) == KINDS + 5 + 1
    assert told[-1] == f"… and {1000 - KINDS - 5:,} more like this"


def test_few_are_told_as_they_are() -> None:
    told: list[str] = []
    with Repeated(told.append) as warn:
        for number in range(5):
            warn(f"row {number}")
    assert told == [f"row {number}" for number in range(5)]
