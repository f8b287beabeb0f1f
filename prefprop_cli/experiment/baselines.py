"""What a result is worth: classifiers that cost seconds, fitted on the same training documents.

Axes: N documents, C classes.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Floats
from prefprop_cli.data import read_corpus
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.experiment.stored_logits import SavedLogits
from prefprop_cli.tasks.metrics import chance_share

if TYPE_CHECKING:
    from prefprop_cli.data.prepare import Prepared
    from prefprop_cli.experiment.plan import Plan

TFIDF, CHANCE = "TF-IDF", "a candidate by lot"
MOST_CHARACTERS = 50_000_000
"""Of training texts; more would keep TF-IDF busy for a minute."""
INVERSE_REGULARISATION = 10.0
_NEVER = -1e4  # logit of a class without a training document; -inf would say it is no class at all


def baselines_of(
    plan: "Plan", prepared: "Prepared", saved: SavedLogits, split: str
) -> dict[str, float]:
    """Accuracy on a split of what needs no encoder, by name: TF-IDF, and the most frequent class.

    Without TF-IDF where the texts are gone, have changed since, are very many or have no words.
    """
    if not plan.task.has_classes:
        return {CHANCE: chance_share(saved.logits)}
    counts = Counter(prepared.splits["train"]["label"])
    most = max(sorted(counts), key=lambda label: counts[label])
    always = {f'always "{prepared.labels[most]}"': float((saved.labels == most).mean())}
    try:
        return {**_tfidf(plan, prepared, saved, split), **always}
    except PrefpropError:
        return always


def _tfidf(plan: "Plan", prepared: "Prepared", saved: SavedLogits, split: str) -> dict[str, float]:
    corpus = read_corpus(plan.config.data)
    train = corpus.splits["train"]
    is_large = sum(len(document.text) for document in train) > MOST_CHARACTERS
    if is_large or corpus.contents != prepared.summary["contents"]:
        return {}
    numbers = {label: number for number, label in enumerate(corpus.labels)}
    logits = tfidf_logits(
        [document.text for document in train],
        [numbers[str(document.label)] for document in train],
        [document.text for document in corpus.splits[split]],
        n_classes=len(numbers),
    )
    return {TFIDF: float((logits.argmax(axis=1) == saved.labels).mean())}


def majority_logits(train_labels: ArrayLike, *, n_classes: int, n: int) -> Floats:
    """Logits that say of every document what the shares of the labels in training say.

    log of (documents of the class + 1), (N, C): the most frequent class is always predicted, with
    its own share as confidence.
    """
    counts = np.bincount(np.asarray(train_labels, np.int64), minlength=n_classes)
    return np.tile(np.log(counts + 1.0), (n, 1))


def tfidf_logits(
    train_texts: Sequence[str], train_labels: ArrayLike, texts: Sequence[str], *, n_classes: int
) -> Floats:
    """Logits of a logistic regression on TF-IDF of words, whole documents.

    Words of two letters or more, lower case, 1 + log(count) · idf, L2-normalised; L2 penalty with
    C = 10. Nothing is searched: the settings are the same for every set. On Hyperpartisan, five
    folds twice: accuracy .774, F1 .647. A class without a training document is never predicted.

    Returns:
        (N, C) float64; softmax gives the probabilities.

    Raises:
        DataError: no training text has a word, or all have one label.
    """
    # A second of CPU time that no other figure needs.
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    names = np.asarray(train_labels, np.int64)
    if len(seen := np.unique(names)) < 2:
        raise DataError("the TF-IDF baseline needs training documents of two classes")
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    try:
        features = vectorizer.fit_transform(train_texts)
    except ValueError as error:  # an empty vocabulary
        raise DataError(f"the TF-IDF baseline needs texts with words: {error}") from error
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000).fit(features, names)
    scores = np.asarray(model.decision_function(vectorizer.transform(texts)), np.float64)
    if scores.ndim == 1:  # of two classes, the log-odds of the second
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    logits = np.full((len(texts), n_classes), _NEVER)
    logits[:, seen] = scores
    return logits
