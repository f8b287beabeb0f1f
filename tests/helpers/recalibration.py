"""Logits and labels to calibrate, losses in plain loops, and scikit-learn's calibrators."""

from math import exp, log

import numpy as np
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator


@st.composite
def labelled_logits(draw, *, min_n=1, max_classes=5):
    """Logits (N, C) float32, from level to certain, and labels: any, all right, or of one class."""
    n, n_classes = draw(st.integers(min_n, 30)), draw(st.integers(2, max_classes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = draw(st.sampled_from([0.0, 0.1, 3.0, 100.0])) * rng.normal(size=(n, n_classes))
    kind = draw(st.sampled_from(["any", "any", "right", "wrong", "one class"]))
    labels = {
        "any": rng.integers(0, n_classes, n),
        "right": logits.argmax(axis=1),
        "wrong": logits.argmin(axis=1),
        "one class": np.full(n, rng.integers(n_classes)),
    }
    return logits.astype(np.float32), labels[kind]


def confused(n=300, n_classes=3, *, seed=0):
    """Logits that are too confident, off in scale and offset, and mistake classes in turn."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n, n_classes)) + 2.5 * np.eye(n_classes)[labels]
    swapped = rng.random(n) < 0.15
    labels[swapped] = (labels[swapped] + 1) % n_classes
    return 3 * logits + np.arange(n_classes), labels


def log_loss(logits, targets):
    """Mean cross-entropy of target rows, document by document and class by class."""
    total = 0.0
    for row, target in zip(logits, targets, strict=True):
        shift = max(row)
        log_sum = shift + log(sum(exp(z - shift) for z in row))
        total += sum(t * (log_sum - z) for t, z in zip(target, row, strict=True))
    return total / len(logits)


class _AsItIs(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its logits."""

    def fit(self, logits, labels):
        self.classes_ = np.arange(logits.shape[1])
        return self

    def decision_function(self, logits):
        return logits if logits.shape[1] > 2 else logits[:, 1] - logits[:, 0]

    def predict(self, logits):
        return logits.argmax(axis=1)


def of_scikit_learn(method, logits, labels):
    """Probabilities of its `CalibratedClassifierCV`, fitted on the logits that are calibrated."""
    model = FrozenEstimator(_AsItIs().fit(logits, labels))
    calibrated = CalibratedClassifierCV(model, method=method, ensemble=False)
    return calibrated.fit(logits, labels).predict_proba(logits)
