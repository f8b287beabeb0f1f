"""What every reader gives back: documents in splits, and what is checked of all of them."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

from prefprop_cli.data.labels import canonical, in_order, quantity
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note, having, warnings
from prefprop_cli.words import listed, quoted

SPLITS = ("train", "validation", "test")
FEW_DOCUMENTS = 30
MISSING = {"", "nan", "none", "null", "na", "n/a", "<na>", "#n/a", "nil", "-", "?"}
"""What programs write where a cell is empty, in lower case."""
"""An evaluation split with fewer says little."""


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
        labels: the classes; numbers by value, other labels by name, eras by time.
        inputs: sha256 of each input, by name; a folder of texts counts as one input.
        notes: what the reader of a result should know, a sentence each: facts, and warnings of
            what may be wrong.
        has_classes: False where each document brings its own candidates, of which its label is one.
    """

    name: str
    splits: Splits
    labels: tuple[str, ...]
    inputs: dict[str, str]
    notes: tuple[Note, ...] = ()
    has_classes: bool = True

    @property
    def facts(self) -> tuple[Note, ...]:
        """The notes that warn of nothing."""
        return having("info", self.notes)

    @property
    def warnings(self) -> tuple[Note, ...]:
        """The notes on what may be wrong."""
        return having("warning", self.notes)

    @cached_property
    def contents(self) -> dict[str, str]:
        """The sha256 over the documents of each split."""
        return {name: content_hash(documents) for name, documents in self.splits.items()}


def labels_of(splits: Splits) -> tuple[str, ...]:
    """All labels, in a fixed order: numbers by value, then false and true, then names."""
    return in_order(label for documents in splits.values() for label in _labels(documents))


def with_one_spelling(splits: Splits) -> tuple[Splits, tuple[Note, ...]]:
    """The splits with labels that mean the same made one class, and what is to be said of it.

    Where no two do, labels only lose the white space around them.
    """
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in labels_of(splits):
        spellings[canonical(label)].append(label)
    same = [f"{' and '.join(map(quoted, s))} as {quoted(n)}" for n, s in spellings.items() if s[1:]]
    spelled = canonical if same else str.strip
    respelled = {
        name: [d if d.label is None else replace(d, label=spelled(d.label)) for d in documents]
        for name, documents in splits.items()
    }
    merged = Note(f"labels that mean the same are read as one class: {listed(same)}")
    return respelled, (merged,) if same else ()


def text_key(text: str) -> str:
    """A key that two texts share if they differ in white space and case only."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()


def content_hash(documents: Iterable[Document]) -> str:
    """The sha256 over ids, labels and texts, in order."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(json.dumps([document.id, document.label, document.text]).encode())
    return digest.hexdigest()


def check(corpus: Corpus) -> None:
    """Refuse a corpus that nothing can be learnt from, or nothing evaluated on.

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
    if corpus.has_classes:
        _check_classes(corpus)


def with_warnings(corpus: Corpus) -> Corpus:
    """The corpus with warnings on what can be seen of it without comparing the texts."""
    of_classes = _of_classes(corpus) if corpus.has_classes else ()
    found = warnings([*_of_sizes(corpus.splits), *of_classes])
    return replace(corpus, notes=(*corpus.notes, *found))


def _labels(documents: Iterable[Document]) -> Iterable[str]:
    return (document.label for document in documents if document.label is not None)


def _check_classes(corpus: Corpus) -> None:
    known = set(_labels(corpus.splits["train"]))
    for name, documents in corpus.splits.items():
        _check_known(documents, known, where=f"{corpus.name}: split {name}")
    if len(known) < 2:
        raise DataError(
            f"{corpus.name}: all documents have the label {quoted(min(known))}; two needed"
        )


def _check_known(documents: list[Document], known: set[str], *, where: str) -> None:
    unseen = [document for document in documents if document.label not in known]
    if unseen:
        rows = [f"{document.id} ({quoted(str(document.label))})" for document in unseen]
        raise DataError(
            f"{where}: {len(unseen)} documents have a label that no training document has: "
            f"{listed(rows, shown=5)}. Correct the label, or add such documents to the training "
            "data"
        )


def _of_sizes(splits: Splits) -> Iterator[str]:
    empty = [d.id for documents in splits.values() for d in documents if not d.text.strip()]
    if empty:
        yield f"documents without text, which are kept: {len(empty)} ({listed(empty)})"
    for name in SPLITS[1:]:
        n = len(splits.get(name, ()))
        if 0 < n < FEW_DOCUMENTS:
            # Half of Wilson's 95 % interval, where it is widest.
            points = 100 * 1.96 / (2 * sqrt(n + 1.96**2))
            yield f"documents of {name}: {n}; accuracy on them is known to ± {points:.0f} points"


def _of_classes(corpus: Corpus) -> Iterator[str]:
    n_documents = sum(map(len, corpus.splits.values()))
    if numbers := quantity(corpus.labels, n_documents=n_documents):
        yield numbers
    train = Counter(_labels(corpus.splits["train"]))
    single = [d for d in corpus.splits["train"] if train[str(d.label)] == 1]
    if single:
        rows = [f"{quoted(str(document.label))}: {document.id}" for document in single]
        yield f"classes with a single training document: {len(single)} ({listed(rows)})"
    if unknown := [label for label in corpus.labels if label.casefold() in MISSING]:
        named = listed([f"{quoted(label)} {train[label]}" for label in unknown])
        yield f"classes that look like a missing label, with their documents in training: {named}"
    spellings: dict[str, list[str]] = defaultdict(list)
    for label in corpus.labels:
        spellings[label.casefold()].append(quoted(label))
    if alike := [" and ".join(names) for names in spellings.values() if names[1:]]:
        yield f"classes that differ in upper and lower case alone: {listed(alike)}"
