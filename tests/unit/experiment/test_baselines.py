import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import RepeatedStratifiedKFold

from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.baselines import majority_logits, tfidf_logits

WORDS = ("apple pear plum", "engine wheel brake", "senate vote law")


def documents(n, seed):
    """Texts with a word of their class in four of five, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    shown = np.where(rng.random(n) < 0.8, labels, rng.integers(0, 3, n))
    return [f"the {rng.choice(WORDS[k].split())} was here" for k in shown], labels


def corpus(train, train_labels, test, *, n_classes):
    """Texts for training, each with the index of its class, and texts to be classified."""
    splits = {
        "train": [
            Document(str(i), *each)
            for i, each in enumerate(zip(train, map(str, train_labels), strict=True))
        ],
        "test": [Document(str(i), text, "0") for i, text in enumerate(test)],
    }
    return Corpus("made", splits, tuple(map(str, range(n_classes))), {})


def test_majority_predicts_the_most_frequent_class_with_its_share():
    made = corpus(["a"] * 998, [2] * 699 + [0] * 299, "abc", n_classes=4)
    probs = softmax(majority_logits(made, "test"))
    assert probs.shape == (3, 4)
    assert probs[1] == pytest.approx(np.array([300, 1, 700, 1]) / 1002)


def test_tfidf_learns_words():
    texts, labels = documents(120, seed=0)
    others, truth = documents(120, seed=1)
    logits = tfidf_logits(corpus(texts, labels, others, n_classes=3), "test")
    assert 0.75 < (logits.argmax(axis=1) == truth).mean() < 0.95
    assert logits.shape == (120, 3)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_two_classes_and_a_class_without_training_documents(missing):
    texts, labels = documents(120, seed=0)
    kept = [i for i, label in enumerate(labels) if label != missing]
    made = corpus([texts[i] for i in kept], labels[kept], texts, n_classes=3)
    logits = tfidf_logits(made, "test")
    probs = softmax(logits)
    assert (probs[:, missing] == 0).all()
    right = (probs.argmax(axis=1) == labels)[kept]
    assert right.mean() > 0.75


def test_what_cannot_be_fitted_says_why():
    with pytest.raises(DataError, match="two classes"):
        tfidf_logits(corpus(["a word", "two words"], [1, 1], ["a word"], n_classes=2), "test")
    with pytest.raises(DataError, match="texts with words"):
        tfidf_logits(corpus(["", "."], [0, 1], ["a word"], n_classes=2), "test")


@pytest.mark.shared
def test_figures_on_hyperpartisan(shared):
    """Design note: .783 accuracy and .660 F1 for a TF-IDF probe in five folds, twice."""
    table = DataTable(set="hyperpartisan", source=str(shared / "data" / "hyperpartisan"))
    found = [d for part in read_corpus(table).splits.values() for d in part]
    texts = np.array([d.text for d in found], object)
    labels = np.array([d.label == "true" for d in found]).astype(int)
    accuracy, f1 = [], []
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    for train, test in folds.split(texts, labels):
        logits = tfidf_logits(corpus(texts[train], labels[train], texts[test], n_classes=2), "test")
        accuracy.append((logits.argmax(axis=1) == labels[test]).mean())
        f1.append(f1_score(labels[test], logits.argmax(axis=1)))
    assert np.mean(accuracy) == pytest.approx(0.774, abs=0.002)
    assert np.mean(f1) == pytest.approx(0.647, abs=0.002)
