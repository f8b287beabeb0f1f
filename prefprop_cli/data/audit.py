"""What a reader of a result should know about the documents it stands on."""

from collections import Counter
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.data.corpus import Document, Splits, text_key
from prefprop_cli.data.questions import Question

PERCENTILES = (5, 25, 50, 75, 95, 100)


def audit(splits: Splits) -> dict[str, object]:
    """Counts, empty documents and duplicates, as JSON.

    Two documents are duplicates if their texts differ in white space and case only; empty ones
    are counted apart.

    Returns:
        `documents`: split -> label -> number, all under `question` where each document has labels
        of its own; `empty`: split -> number; `duplicates`: split -> documents whose text came
        before in it; `shared`: "test in train" -> documents of the one whose text is also in the
        other.
    """
    keys = {
        name: [text_key(document.text) for document in documents if document.text.strip()]
        for name, documents in splits.items()
    }
    return {
        "documents": {
            name: dict(sorted(Counter(map(_class_of, documents)).items()))
            for name, documents in splits.items()
        },
        "empty": {name: len(splits[name]) - len(keys[name]) for name in splits},
        "duplicates": {name: len(keys[name]) - len(set(keys[name])) for name in splits},
        "shared": {
            f"{later} in {earlier}": sum(key in set_of_keys for key in keys[later])
            for earlier, later in combinations(splits, 2)
            for set_of_keys in [set(keys[earlier])]
        },
    }


def _class_of(document: Document) -> str:
    return "question" if isinstance(document, Question) else str(document.label)


def percentiles(n_tokens: NDArray[np.int64]) -> dict[str, int]:
    """Lengths of documents that so many percent of them do not exceed, by `PERCENTILES`."""
    at = np.percentile(n_tokens, PERCENTILES, method="nearest")
    return {str(p): int(value) for p, value in zip(PERCENTILES, at, strict=True)}
