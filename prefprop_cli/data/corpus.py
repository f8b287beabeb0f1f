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
"""An evaluation split with fewer says little."""
MISSING = {"", "nan", "none", "null", "na", "n/a", "<na>", "#n/a", "nil", "-", "?"}
"""What programs write where a cell is empty, in lower case."""


@dataclass(frozen=True)
class Document:
    """One text with its label."""

    id: str
    """Names it in messages and logs, e.g. `train.jsonl:12`; unique in a split."""
    text: str
    label: str | None
    """None only where texts are read for prediction."""
    group: str | None = None
    """Documents of one group never fall into two splits that are drawn."""


Splits = dict[str, list[Document]]


@dataclass(frozen=True)
class Corpus:
    """A labelled data set in splits."""

    name: str
    """Of the set and its split."""
    splits: Splits
    """By name: `train`, `validation`, `test`."""
    labels: tuple[str, ...]
    """The classes; numbers by value, other labels by name, eras by time."""
    inputs: dict[str, str]
    """The sha256 of each input, by name; a folder of texts counts as one input."""
    notes: tuple[Note, ...] = ()
    """What the reader of a result should know: facts, and warnings of what may be wrong."""
    has_classes: bool = True
    """False where each document brings its own candidates, of which its label is one."""

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
    """Return all labels in a fixed order: numbers by value, then false and true, then names."""
    documents = (document for part in splits.values() for document in part)
    return in_order(document.label for document in documents if document.label is not None)


def with_one_spelling(splits: Splits) -> tuple[Splits, tuple[Note, ...]]:
    """Make labels that mean the same one class, and say which.

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
    """Return a key that two texts share if they differ in white space and case only."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode()).hexdigest()


def content_hash(documents: Iterable[Document]) -> str:
    """Return the sha256 over ids, labels and texts, in order."""
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
    if not corpus.has_classes:
        return
    known = {document.label for document in corpus.splits["train"]}
    for name, documents in corpus.splits.items():
        unseen = [document for document in documents if document.label not in known]
        if unseen:
            rows = [f"{document.id} ({quoted(str(document.label))})" for document in unseen]
            raise DataError(
                f"{corpus.name}: split {name}: {len(unseen)} documents have a label that no "
                f"training document has: {listed(rows, shown=5)}. Correct the label, or add such "
                "documents to the training data"
            )
    if len(known) < 2:
        raise DataError(
            f"{corpus.name}: all documents have the label {quoted(str(*known))}; two needed"
        )


def with_warnings(corpus: Corpus) -> Corpus:
    """Add warnings on what can be seen of it without comparing the texts."""
    of_classes = _of_classes(corpus) if corpus.has_classes else ()
    found = warnings([*_of_sizes(corpus.splits), *of_classes])
    return replace(corpus, notes=(*corpus.notes, *found))


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
    train = Counter(str(document.label) for document in corpus.splits["train"])
    if single := [d for d in corpus.splits["train"] if train[str(d.label)] == 1]:
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
