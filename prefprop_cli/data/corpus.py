"""What every reader gives back: documents in splits, and what is checked of all of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from prefprop_cli.errors import DataError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Document:
    """One text with its label.

    Attributes:
        id: names the document in messages and logs, e.g. `train.jsonl:12`; unique in a split.
        label: None only where texts are read for prediction.
        group: documents of one group never fall into two splits that are drawn.
    """

    id: str
    text: str
    label: str | None
    group: str | None = None


Splits = dict[str, list[Document]]


@dataclass(frozen=True)
class Corpus:
    """A labelled data set in splits.

    Attributes:
        name: short name of the set and its split.
        splits: keys among `train`, `validation` and `test`.
        labels: the classes; numbers by value, other labels by name, eras by time. None where each
            document brings its own candidates and its label is one of them.
        inputs: sha256 of each input, by name; a folder of texts counts as one input.
        notes: facts the reader of a result should know, one sentence each.
    """

    name: str
    splits: Splits
    labels: tuple[str, ...]
    inputs: dict[str, str]
    notes: tuple[str, ...] = ()


def labels_of(splits: Splits) -> tuple[str, ...]:
    """All labels, in a fixed order: whole numbers by value, then names."""
    labels = {label for documents in splits.values() for label in _labels(documents)}
    return tuple(sorted(labels, key=_by_value_then_name))


def text_key(text: str) -> str:
    """A key that two texts share if they differ in white space and case only."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()


def content_hash(documents: Iterable[Document]) -> str:
    """The sha256 over ids, labels and texts, in order."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(json.dumps([document.id, document.label, document.text]).encode())
    return digest.hexdigest()


def checked(corpus: Corpus) -> Corpus:
    """The corpus with notes on empty documents and rare classes.

    Raises:
        DataError: a split is empty, there are classes and fewer than two, or an evaluation split
            has a label that training has not (the message names the documents).
    """
    empty_splits = [name for name, documents in corpus.splits.items() if not documents]
    if "train" not in corpus.splits or empty_splits:
        raise DataError(
            f"{corpus.name}: no documents in split {', '.join(empty_splits or ['train'])}. "
            "Give more documents, or set the fraction of that split to 0"
        )
    train = Counter(_labels(corpus.splits["train"]) if corpus.labels else ())
    if corpus.labels:
        _check_classes(corpus, train)
    return replace(corpus, notes=corpus.notes + tuple(_general_notes(corpus.splits, train)))


def _labels(documents: Iterable[Document]) -> Iterable[str]:
    return (document.label for document in documents if document.label is not None)


def _by_value_then_name(label: str) -> tuple[bool, int, str]:
    return (False, len(label), label) if label.isdecimal() else (True, 0, label)


def _check_classes(corpus: Corpus, train: Counter[str]) -> None:
    for name, documents in corpus.splits.items():
        _check_known(documents, train, where=f"{corpus.name}: split {name}")
    if len(train) < 2:
        raise DataError(f"{corpus.name}: all documents have the label {min(train)!r}; two needed")


def _check_known(documents: list[Document], known: Counter[str], *, where: str) -> None:
    unseen = [document for document in documents if document.label not in known]
    if unseen:
        rows = ", ".join(f"{document.id} ({document.label!r})" for document in unseen[:5])
        raise DataError(
            f"{where}: {len(unseen)} documents have a label that no training document has: "
            f"{rows}{', ...' if len(unseen) > 5 else ''}. Correct the label, or add such "
            "documents to the training data"
        )


def _general_notes(splits: Splits, train: Counter[str]) -> Iterable[str]:
    n_empty = sum(not d.text.strip() for documents in splits.values() for d in documents)
    if n_empty:
        yield f"{n_empty} documents have no text; they are kept"
    single = sorted(label for label, count in train.items() if count == 1)
    if single:
        yield f"classes with a single training document: {', '.join(single)}"
