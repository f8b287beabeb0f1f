"""What a label means: a number, true or false, or a name, however it is spelled."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal

_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?")
_TRUTHS = ("false", "true")
MANY_NUMBERS, FEW_DOCUMENTS = 20, 10
"""With more numbers than that and fewer documents for each, they look like a quantity."""


def canonical(label: str) -> str:
    """Return the one spelling of all labels that mean the same.

    `1`, `+1` and `1.0` are one number, `-1` may have the sign of typesetters (U+2212), and `True`
    and `TRUE` are `true`. Names lose white space around them and keep their case. Zeros in
    front stay, for `01` is a code.
    """
    name = unicodedata.normalize("NFC", label.strip())
    if name.casefold() in _TRUTHS:
        return name.casefold()
    number = _number(name)
    if number is None:
        return name
    fraction = (number[3] or "").rstrip("0")
    value = f"{number[2]}.{fraction}" if fraction else number[2]
    return f"-{value}" if number[1] == "-" and value != "0" else value


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Sort different labels: numbers by value, then false and true, then names.

    The last of two is the positive class: 1 of -1 and 1, true of false and true.
    """
    return tuple(sorted(set(labels), key=_place))


def positive_class(labels: Sequence[str]) -> str | None:
    """Return the class that precision, recall and F1 are of; None where they are not of one."""
    return labels[1] if len(labels) == 2 else None


def positions(labels: Sequence[str], *, known: Sequence[str]) -> list[int] | None:
    """Find labels among known ones by number; None if one is not there or two are the same."""
    numbers = {canonical(label): number for number, label in enumerate(known)}
    found = [numbers[name] for name in map(canonical, labels) if name in numbers]
    return found if len(set(found)) == len(labels) else None


def quantity(labels: Sequence[str], *, n_documents: int) -> str | None:
    """Say what is odd about labels that look like numbers to predict; None if they do not."""
    fractions = any(map(is_fraction, labels))
    if not all(map(is_number, labels)) or not (fractions or _are_many(labels, n_documents)):
        return None
    return (
        f"{_numbers(labels, n_documents)}: is this a number to predict? Each is a class here, "
        "and none is nearer to another"
    )


def no_classes(labels: Sequence[str], *, n_documents: int) -> str | None:
    """Say why numbers are no classes, most of which would have few documents; None if they are."""
    if not _are_many(labels, n_documents) or not all(map(is_number, labels)):
        return None
    return (
        f"{_numbers(labels, n_documents)}: they look like a quantity or like ids, and each would "
        "be a class of its own. Put them into a few bins (such as low, middle, high)"
    )


def is_number(label: str) -> bool:
    """Tell whether a label is written as a number."""
    return _number(label) is not None


def is_fraction(label: str) -> bool:
    """Tell whether a label is written as a number that is not a whole one."""
    number = _number(label)
    return bool(number and (number[3] or "").strip("0"))


def _are_many(labels: Sequence[str], n_documents: int) -> bool:
    return len(labels) > MANY_NUMBERS and n_documents < FEW_DOCUMENTS * len(labels)


def _numbers(labels: Sequence[str], n_documents: int) -> str:
    return (
        f"{len(labels)} distinct numeric labels in {n_documents} documents, "
        f"{labels[0]} to {labels[-1]}"
    )


def _number(name: str) -> re.Match[str] | None:
    return _NUMBER.fullmatch(name.strip().replace("\N{MINUS SIGN}", "-"))


def _place(label: str) -> tuple[int, Decimal, str]:
    number, name = _number(label), canonical(label)
    if number:
        return 0, Decimal(number[0]), label
    return (1, Decimal(_TRUTHS.index(name)), label) if name in _TRUTHS else (2, Decimal(0), label)
