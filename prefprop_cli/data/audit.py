"""What a reader of a result should know about the documents it stands on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.data.corpus import Corpus, Document, text_key
from prefprop_cli.notes import Note, warnings
from prefprop_cli.words import listed, quoted

PERCENTILES = (5, 25, 50, 75, 95, 100)


@dataclass(frozen=True)
class Audit:
    """The texts of a corpus, compared with each other.

    Two documents are duplicates if their texts differ in white space and case only; empty ones
    are counted apart.
    """

    corpus: Corpus

    @cached_property
    def counts(self) -> dict[str, object]:
        """Counts, empty documents and duplicates, as JSON.

        `documents`: split -> label -> number, all under `question` where each document has labels
        of its own; `empty`: split -> number; `duplicates`: split -> documents whose text came
        before in it; `shared`: "test in train" -> documents of the one whose text is also in the
        other.
        """
        splits = self.corpus.splits
        return {
            "documents": {
                name: dict(sorted(self._by_class(documents).items()))
                for name, documents in splits.items()
            },
            "empty": {name: len(splits[name]) - len(self._keyed[name]) for name in splits},
            "duplicates": {name: len(self._repeated(name)) for name in splits},
            "shared": {
                f"{later} in {earlier}": len(self._shared(earlier, later))
                for earlier, later in combinations(splits, 2)
            },
        }

    @property
    def classes(self) -> dict[str, int]:
        """Label -> documents of all splits, in the order of the classes; as in `counts`."""
        found = self._by_class([d for part in self.corpus.splits.values() for d in part])
        return {label: found[label] for label in self.corpus.labels or found}

    @property
    def n_contradictory(self) -> int:
        """Texts that stand with different labels; none where each has labels of its own."""
        return len(self._torn) if self.corpus.has_classes else 0

    @cached_property
    def warnings(self) -> tuple[Note, ...]:
        """What may be wrong with the corpus: leaks, what its reader says, repeated texts."""
        return (*self.leaks, *self.corpus.warnings, *warnings(self._repetitions()))

    @cached_property
    def leaks(self) -> tuple[Note, ...]:
        """Warnings of two splits that share texts, a sentence each."""
        splits = self.corpus.splits
        return warnings(
            f"leak: documents of {later} that are in {earlier}, too: {len(shared)} of "
            f"{len(splits[later])} ({listed(shared)}); figures of {later} are not those of new "
            "documents"
            for earlier, later in combinations(splits, 2)
            if (shared := self._shared(earlier, later))
        )

    def _by_class(self, documents: Sequence[Document]) -> Counter[str]:
        if not self.corpus.has_classes:
            return Counter(question=len(documents))
        return Counter(str(document.label) for document in documents)

    @cached_property
    def _keyed(self) -> dict[str, list[tuple[str, Document]]]:
        """Split -> (key of the text, document); without those that have no text."""
        return {
            name: [(text_key(d.text), d) for d in documents if d.text.strip()]
            for name, documents in self.corpus.splits.items()
        }

    def _repeated(self, split: str) -> list[tuple[Document, Document]]:
        """(a document whose text came before, the first with it)."""
        first: dict[str, Document] = {}
        pairs = [(each, first.setdefault(key, each)) for key, each in self._keyed[split]]
        return [(each, earlier) for each, earlier in pairs if each is not earlier]

    def _shared(self, earlier: str, later: str) -> list[str]:
        known = {key for key, _ in self._keyed[earlier]}
        return [document.id for key, document in self._keyed[later] if key in known]

    def _repetitions(self) -> Iterator[str]:
        pairs = [pair for split in self._keyed for pair in self._repeated(split)]
        # The label of a question is one of its own candidates.
        has_classes = self.corpus.has_classes
        same = [f"{a.id} as {b.id}" for a, b in pairs if a.label == b.label or not has_classes]
        if same:
            yield f"documents that repeat an earlier one: {len(same)} ({listed(same)})"
        if has_classes and (torn := self._torn):
            yield f"texts with more than one label: {len(torn)} ({listed(torn)})"

    @cached_property
    def _torn(self) -> list[str]:
        """Texts that stand with different labels, in one split or in several."""
        examples: dict[str, dict[str | None, str]] = {}
        for keyed in self._keyed.values():
            for key, document in keyed:
                examples.setdefault(key, {}).setdefault(document.label, document.id)
        return [
            " and ".join(f"{id} {quoted(str(label))}" for label, id in labels.items())
            for labels in examples.values()
            if len(labels) > 1
        ]


def percentiles(n_tokens: NDArray[np.int64]) -> dict[str, int]:
    """Return the lengths that so many percent of documents do not exceed, by `PERCENTILES`."""
    at = np.percentile(n_tokens, PERCENTILES, method="nearest")
    return {str(p): int(value) for p, value in zip(PERCENTILES, at, strict=True)}
