"""Deterministic, stratified splits: membership depends on ids, labels and the seed alone."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import TypeVar

from prefprop_cli.data.corpus import SPLITS, Document, Splits, text_key
from prefprop_cli.errors import DataError
from prefprop_cli.words import listed, shortened

Share = float | Fraction
D = TypeVar("D", bound=Document)


def complete(given: Splits, *, validation: Share, test: Share, seed: int) -> Splits:
    """Draw the splits that are missing from the training documents.

    Documents of one group, or with the same text, stay together. `validation` and `test` are shares
    of the training documents for the splits that are not given; 0 leaves a split out.

    Raises:
        DataError: nothing is left for training, or a class cannot be divided.
    """
    wanted = {"validation": Fraction(str(validation)), "test": Fraction(str(test))}
    shares = {name: share for name, share in wanted.items() if share and name not in given}
    total = sum(shares.values(), Fraction(0))
    if total >= 1:
        raise DataError(f"{' and '.join(shares)}: {float(total):.0%} leaves none for training")
    splits = given
    if shares:
        _check_divisible(given["train"])
        held_out, train = split_off(given["train"], share=total, seed=seed)
        test_share = shares.get("test", Fraction(0)) / total
        drawn_test, drawn = split_off(held_out, share=test_share, seed=seed)
        splits = {"validation": drawn, "test": drawn_test} | given | {"train": train}
    return {name: splits[name] for name in SPLITS if name in given or name in shares}


def k_fold(
    documents: list[Document], *, n_folds: int, fold: int, seed: int
) -> tuple[list[Document], list[Document]]:
    """Return a fold, counted from 0, and all others; the folds of one seed share no document.

    Raises:
        DataError: there is no such fold.
    """
    if fold >= n_folds:
        raise DataError(f"data.fold = {fold}: there are {n_folds} folds, 0 to {n_folds - 1}")
    held_out: list[Document] = []
    rest = documents
    for index in range(fold + 1):
        held_out, rest = split_off(rest, share=Fraction(1, n_folds - index), seed=seed)
    ids = {document.id for document in held_out}
    return held_out, [document for document in documents if document.id not in ids]


def split_off(
    documents: list[D],
    *,
    share: Share,
    seed: int,
    together: bool = True,
    stratified: bool = True,
) -> tuple[list[D], list[D]]:
    """Take a share of the documents, of each label as nearly as whole numbers allow: (taken, rest).

    The documents are laid out label by label, inside a label by a hash of seed and id; walking
    along, one is taken whenever the share of those passed has grown by one. The total is
    exact to the nearest number where no documents are kept together. Both lists keep the order.

    `together`, documents of one group, or with the same text, stay so; without `stratified` labels
    do not matter, as where each document has its own.
    """
    taken: set[int] = set()
    owed = Fraction(0)
    for unit in _units(documents, seed=seed, together=together, stratified=stratified):
        owed += Fraction(str(share)) * len(unit)
        if 2 * owed >= len(unit):
            taken.update(unit)
            owed -= len(unit)
    return (
        [document for i, document in enumerate(documents) if i in taken],
        [document for i, document in enumerate(documents) if i not in taken],
    )


def _units(
    documents: Sequence[Document], *, seed: int, together: bool, stratified: bool
) -> list[list[int]]:
    members: dict[str, list[int]] = defaultdict(list)
    for index, document in enumerate(documents):
        members[_unit_key(document) if together else document.id].append(index)

    def order(unit: list[int]) -> tuple[str, str]:
        labels = Counter(str(documents[i].label) if stratified else "" for i in unit)
        key = f"{seed} {min(documents[i].id for i in unit)}"
        most_frequent = min(labels, key=lambda label: (-labels[label], label))
        return most_frequent, hashlib.sha256(key.encode()).hexdigest()

    return sorted(members.values(), key=order)


def _unit_key(document: Document) -> str:
    if document.group is not None:
        return f"group {document.group}"
    return f"text {text_key(document.text)}" if document.text.strip() else f"id {document.id}"


def _check_divisible(documents: list[Document]) -> None:
    units: dict[str, dict[str, str]] = defaultdict(dict)
    for document in documents:
        units[str(document.label)][_unit_key(document)] = document.id
    single = [f"{shortened(k)!r} ({min(u.values())})" for k, u in units.items() if len(u) == 1]
    if single:
        exchanged = len(single) == len(units) > 2
        raise DataError(
            f"{len(single)} of {len(units)} classes have one distinct text or group, which cannot "
            f"be in training and evaluation both: {listed(sorted(single), shown=10)}. Add "
            "documents, drop the class, or give files for each split"
            f"{'. Are data.text_column and data.label_column exchanged?' if exchanged else ''}"
        )
