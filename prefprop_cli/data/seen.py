"""Which texts a run has learnt from, kept without the texts: a key for each.

A run may be evaluated on files of any name, and its own training documents may be among them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from prefprop_cli.data.corpus import Document, Splits, text_key
from prefprop_cli.runs.atomic import read_sealed, seal

KEY_LENGTH = 16
"""Hexadecimal digits: of a million texts two others share a key once in ten million times."""
LEARNT_FROM = ("train", "validation")
"""On the second the epoch and the calibrator are chosen."""


def keys_of(splits: Splits) -> bytes:
    """Return the keys of the texts in each split, as sealed JSON."""
    return seal({name: sorted(set(_keys(documents))) for name, documents in splits.items()})


def seen(documents: Sequence[Document], keys: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the ids of those documents whose texts a run has learnt from."""
    known = {key for split in LEARNT_FROM for key in keys.get(split, ())}
    return [document.id for document in documents if known.intersection(_keys([document]))]


def read_keys(path: Path) -> Mapping[str, Sequence[str]]:
    """Read what `keys_of` made; nothing where an earlier version of the program kept none.

    Raises:
        CorruptFileError: the file is damaged.
    """
    return read_sealed(path) if path.exists() else {}


def _keys(documents: Iterable[Document]) -> Iterable[str]:
    return (text_key(each.text)[:KEY_LENGTH] for each in documents if each.text.strip())
