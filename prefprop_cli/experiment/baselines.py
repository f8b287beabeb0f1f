"""What a result is worth: classifiers that cost seconds, fitted on the same training documents.

Axes: N documents, C classes.
"""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus
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


def baseline_accuracies(
    plan: "Plan", prepared: "Prepared", saved: SavedLogits, split: str
) -> dict[str, float]:
    """Return the accuracy on a split of what needs no encoder: TF-IDF, the most frequent class.

    Without TF-IDF where the texts are gone, have changed since, are very many or have no words.
    """
    if not plan.task.has_classes:
        return {CHANCE: chance_share(saved.logits)}
    counts = Counter(prepared.splits["train"]["label"])
    most = max(sorted(counts), key=lambda label: counts[label])
    always = {f'always "{prepared.labels[most]}"': float((saved.labels == most).mean())}
    try:
        corpus = read_corpus(plan.config.data)
        is_large = sum(len(document.text) for document in corpus.splits["train"]) > MOST_CHARACTERS
        if is_large or corpus.contents != prepared.summary["contents"]:
            return always
        is_right = tfidf_logits(corpus, split).argmax(axis=1) == saved.labels
    except PrefpropError:
        return always
    return {TFIDF: float(is_right.mean()), **always}


def majority_logits(corpus: Corpus, split: str) -> Floats:
    """Return logits that say of each document what the shares of the labels in training say.

    log of (documents of the class + 1), (N, C): the most frequent class is always predicted, with
    its own share as confidence.
    """
    counts = np.bincount(label_indices(corpus, "train"), minlength=len(corpus.labels))
    return np.tile(np.log(counts + 1.0), (len(corpus.splits[split]), 1))


def tfidf_logits(corpus: Corpus, split: str) -> Floats:
    """Return the logits (N, C) of a logistic regression on TF-IDF of words, whole documents.

    Words of two letters or more, lower case, 1 + log(count) · idf, L2-normalised; L2 penalty with
    C = 10. Nothing is searched: the settings are the same for every set. On Hyperpartisan, five
    folds twice: accuracy .774, F1 .647. A class without a training document is never predicted.

    Raises:
        DataError: no training text has a word, or all have one label.
    """
    # A second of CPU time that no other figure needs.
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    labels = label_indices(corpus, "train")
    if len(seen := np.unique(labels)) < 2:
        raise DataError("the TF-IDF baseline needs training documents of two classes")
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    try:
        features = vectorizer.fit_transform(d.text for d in corpus.splits["train"])
    except ValueError as error:  # an empty vocabulary
        raise DataError(f"the TF-IDF baseline needs texts with words: {error}") from error
    model = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000).fit(features, labels)
    evaluated = vectorizer.transform(d.text for d in corpus.splits[split])
    scores = np.asarray(model.decision_function(evaluated), np.float64)
    if scores.ndim == 1:  # of two classes, the log-odds of the second
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    logits = np.full((len(scores), len(corpus.labels)), _NEVER)
    logits[:, seen] = scores
    return logits


def label_indices(corpus: Corpus, split: str) -> Ints:
    """Return the index of each document's class, (N,)."""
    indices = {label: index for index, label in enumerate(corpus.labels)}
    return np.array([indices[str(document.label)] for document in corpus.splits[split]], np.int64)
