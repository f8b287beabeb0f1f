"""Predictions for the tests of calibration, and what the definitions say of them, in loops."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from prefprop_cli.calibration.bins import bin_sums
from prefprop_cli.calibration.predictions import Predictions, softmax
from prefprop_cli.calibration.reliability import reliability_bins
from prefprop_cli.calibration.smooth import smooth_error


def sums(probs, labels, *, n_bins=15, mode="guo"):
    return bin_sums(Predictions.from_probs(probs, labels), n_bins=n_bins, mode=mode)


def expected_calibration_error(probs, labels, **kind):
    return sums(probs, labels, **kind).expected_error


def maximum_calibration_error(probs, labels, **kind):
    return sums(probs, labels, **kind).maximum_error


def root_mean_square_calibration_error(probs, labels, **kind):
    return sums(probs, labels, **kind).root_mean_square_error


def debiased_squared_error(probs, labels, *, n_bins=15):
    return sums(probs, labels, n_bins=n_bins, mode="mass").debiased_square


def smooth_calibration_error(probs, labels):
    split = Predictions.from_probs(probs, labels)
    return smooth_error(split.confidence, split.right)


def brier_score(probs, labels):
    return Predictions.from_probs(probs, labels).squared_errors.mean()


def diagram(probs, labels, *, n_bins=15):
    return reliability_bins(sums(probs, labels, n_bins=n_bins))


def binary(*confidences):
    """Predictions of class 0 with these confidences."""
    return np.array([[p, 1 - p] for p in confidences])


@st.composite
def predictions(draw, *, distinct=False):
    """Probabilities (N, C) and labels, from modest to certain; `distinct`: without equal ones."""
    n, n_classes = draw(st.integers(1, 40)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    probs = softmax(draw(st.sampled_from([0.1, 1.0, 10.0])) * rng.normal(size=(n, n_classes)))
    if distinct:
        assume(all(len(np.unique(column)) == n for column in (probs.max(1), *probs.T)))
    return probs, rng.integers(0, n_classes, n)


@st.composite
def tied_predictions(draw):
    """Two classes with confidences of .5, .6, … 1, many of them equal and all on an edge."""
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return binary(*rng.integers(5, 11, n) / 10), rng.integers(0, 2, n)


def top_label(probs, labels):
    """Confidence of each document and whether it is right, document by document."""
    pairs = []
    for row, label in zip(probs, labels, strict=True):
        best = 0
        for k in range(len(row)):
            if row[k] > row[best]:
                best = k
        pairs.append((row[best], float(best == label)))
    return pairs


def width_bins(pairs, n_bins):
    """Pairs of (claim, outcome) in bins (a, b] of equal width, the empty ones left out."""
    bins = [
        [(p, c) for p, c in pairs if k / n_bins < p <= (k + 1) / n_bins or (k == 0 and p == 0)]
        for k in range(n_bins)
    ]
    return [inside for inside in bins if inside]


def mass_bins(pairs, n_bins):
    """Pairs in order of their claims, in min(n_bins, N) groups, the larger ones first."""
    rest, groups = sorted(pairs, key=lambda pair: pair[0]), []
    for left in range(min(n_bins, len(pairs)), 0, -1):
        size = -(-len(rest) // left)
        groups.append(rest[:size])
        rest = rest[size:]
    return groups


def bin_errors(bins):
    """(share of documents, |accuracy - confidence|) of each bin."""
    n = sum(len(inside) for inside in bins)
    for inside in bins:
        claimed, found = (sum(column) / len(inside) for column in zip(*inside, strict=True))
        yield len(inside) / n, abs(found - claimed)
