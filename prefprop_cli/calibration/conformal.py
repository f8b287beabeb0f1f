"""Sets of classes that hold the right one in a chosen share of documents: split conformal.

A score says how badly a class fits a document. The threshold is a quantile of the scores of the
labels of n documents that were set aside, and the set of a new document is every class that
scores no more. If those n and the new document are exchangeable, the set holds the label with a
chance of at least 1 - alpha, however wrong the probabilities are. A model chosen, or a temperature
fitted, on the very same documents makes that approximate.

Every score is a function of the document's probabilities in falling order, π₁ ≥ π₂ ≥ …, and never
falls along it; equal probabilities share the best of their ranks. No set is random. A class of
probability 0, such as a candidate that a document does not have, is in no set.

Axes: N documents, C classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf, isfinite
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from prefprop_cli.calibration.predictions import Floats, Ints, Predictions, checked_probs
from prefprop_cli.errors import UsageError
from prefprop_cli.stats.statistics import Interval, exact_interval

Method = Literal["lac", "aps", "raps"]

RAPS_PENALTY, RAPS_FREE_RANKS = 0.01, 1
"""λ and k_reg. Fixed: tuned on the documents of the threshold, they would void its guarantee."""
_BLOCK = 4096  # rows at a time: what they need stays in the cache of a core


def _lac(ranked: Floats) -> Floats:
    """1 - π_r: the smallest sets on average, some of them empty.

    Source: Sadinle, Lei & Wasserman 2019 (arXiv 1609.00451).
    """
    return 1 - ranked


def _aps(ranked: Floats) -> Floats:
    """π₁ + … + π_{r-1}, the mass of the classes before: larger sets where the model is unsure.

    The published score adds u·π_r with a random u in [0, 1]. Here u = 0: the predicted class,
    whose score is 0, is in every set, and coverage is never below accuracy.

    Source: Romano, Sesia & Candès 2020 (arXiv 2006.02544).
    """
    before = np.zeros_like(ranked)
    np.cumsum(ranked[:, :-1], axis=1, out=before[:, 1:])
    return before


def _raps(ranked: Floats) -> Floats:
    """The score of APS + λ · max(0, r - k_reg), against long tails of improbable classes.

    Source: Angelopoulos et al. 2021 (arXiv 2009.14193).
    """
    rank = np.arange(1, ranked.shape[1] + 1)
    return _aps(ranked) + RAPS_PENALTY * (rank - RAPS_FREE_RANKS).clip(min=0)


SCORES: dict[Method, Callable[[Floats], Floats]] = {"lac": _lac, "aps": _aps, "raps": _raps}


@dataclass(frozen=True)
class Conformal:
    """A fitted threshold, to be applied to other documents.

    Attributes:
        method: the score.
        alpha: the share of documents whose set may miss the label.
        n_fit: documents that the threshold comes from.
        threshold: greatest score of a class in a set; infinite where `n_fit` is below `n_needed`,
            which makes every set full.
    """

    method: Method
    alpha: float
    n_fit: int
    threshold: float

    @property
    def n_needed(self) -> int:
        """Fewest documents that give a threshold for this alpha: 9 for 0.1, 99 for 0.01."""
        return ceil(1 / _exact(self.alpha)) - 1

    def sets(self, probs: ArrayLike) -> NDArray[np.bool_]:
        """The set of every document, True for a class that is in it.

        Args:
            probs: (N, C), rows sum to 1.

        Returns:
            (N, C) bool.

        Raises:
            DataError: no rows, a NaN or infinity, or rows that are no probabilities.
        """
        values, _ = checked_probs(probs, np.zeros(len(np.asarray(probs)), np.int64))
        return np.concatenate([self._sets(values[rows]) for rows in _blocks(len(values))])

    def _sets(self, probs: Floats) -> NDArray[np.bool_]:
        ranked = _ranked(probs)
        n_ranks = (SCORES[self.method](ranked) <= self.threshold).sum(axis=1)
        least = np.where(n_ranks, ranked[np.arange(len(probs)), n_ranks - 1], inf)
        return (probs >= least[:, None]) & (probs > 0)


@dataclass(frozen=True)
class ConformalReport:
    """What the sets of n documents are like.

    Attributes:
        method: the score.
        alpha: the share of documents whose set may miss the label.
        n_fit: documents that the threshold comes from.
        n_needed: fewest documents that give a threshold for this alpha.
        threshold: None where `n_fit` is below `n_needed`: every set is full.
        n: documents with a set.
        coverage: share of them whose set holds the label.
        interval: of the coverage by the binomial distribution, exact (Clopper & Pearson 1934):
            the chance in these n.
        range: where coverage lies for that many documents to fit: the chance in those n_fit. Of
            scores without ties, Beta(n_fit + 1 - l, l) with l = floor((n_fit + 1) alpha); of
            others coverage may lie above.
        mean_size: classes in a set.
        size_counts: sets of 0, 1, …, C classes.
        empty_share: share of sets without a class.

    Source of `range`: Vovk 2012, proposition 2b (arXiv 1209.2673).
    """

    method: Method
    alpha: float
    n_fit: int
    n_needed: int
    threshold: float | None
    n: int
    coverage: float
    interval: Interval
    range: Interval
    mean_size: float
    size_counts: tuple[int, ...]
    empty_share: float


def fit_conformal(predictions: Predictions, *, method: Method, alpha: float) -> Conformal:
    """The threshold below which 1 - alpha of the labels score, corrected for few documents.

    The ceil((N + 1)(1 - alpha))-th smallest of the N scores; infinite where that is more than N.

    Args:
        predictions: of N documents that are not reported. A label of probability 0 has an
            infinite score.
        method: `lac`, `aps` or `raps`.
        alpha: the share of documents whose set may miss the label, in (0, 1).

    Raises:
        UsageError: alpha outside (0, 1).

    Source: Vovk, Gammerman & Shafer 2005; Papadopoulos et al. 2002 for the split.
    """
    if not 0 < alpha < 1:
        raise UsageError(f"alpha = {alpha}; the share of sets that may miss is in (0, 1), as 0.1")
    n = len(predictions.labels)
    scores = np.concatenate(
        [
            _label_scores(method, predictions.probs[rows], predictions.labels[rows])
            for rows in _blocks(n)
        ]
    )
    n_missed = _n_missed(n, alpha)
    threshold = float(np.partition(scores, n - n_missed)[n - n_missed]) if n_missed else inf
    return Conformal(method, alpha, n, threshold)


def conformal_report(
    fitted: Conformal, predictions: Predictions, *, level: float = 0.95
) -> ConformalReport:
    """Coverage and size of the sets of documents other than those of the threshold.

    Args:
        fitted: the threshold.
        predictions: of N documents.
        level: of both intervals.
    """
    sets, n = fitted.sets(predictions.probs), len(predictions.labels)
    n_covered, sizes = int(sets[np.arange(n), predictions.labels].sum()), sets.sum(axis=1)
    return ConformalReport(
        method=fitted.method,
        alpha=fitted.alpha,
        n_fit=fitted.n_fit,
        n_needed=fitted.n_needed,
        threshold=fitted.threshold if isfinite(fitted.threshold) else None,
        n=n,
        coverage=n_covered / n,
        interval=exact_interval(n_covered, n, level=level),
        range=_coverage_range(fitted, level),
        mean_size=float(sizes.mean()),
        size_counts=tuple(np.bincount(sizes, minlength=sets.shape[1] + 1).tolist()),
        empty_share=float((sizes == 0).mean()),
    )


def _label_scores(method: Method, probs: Floats, labels: Ints) -> Floats:
    rows = np.arange(len(labels))
    own = probs[rows, labels]
    rank = (probs > own[:, None]).sum(axis=1)
    return np.where(own > 0, SCORES[method](_ranked(probs))[rows, rank], inf)


def _blocks(n: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, n, _BLOCK))


def _ranked(probs: Floats) -> Floats:
    ranked = np.array(probs, order="C")  # rows together: a sort across columns is slow
    ranked.sort(axis=1)
    return ranked[:, ::-1]


def _exact(alpha: float) -> Fraction:
    return Fraction(str(float(alpha)))  # as it was written: in floats 100 · 0.29 is below 29


def _n_missed(n_fit: int, alpha: float) -> int:
    """The l of Vovk: how many of n_fit + 1 documents may have a set without their label."""
    return int((n_fit + 1) * _exact(alpha))


def _coverage_range(fitted: Conformal, level: float) -> Interval:
    n_missed = _n_missed(fitted.n_fit, fitted.alpha)
    if not n_missed:
        return Interval(1.0, 1.0, level)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = special.betaincinv(fitted.n_fit + 1 - n_missed, n_missed, tails)
    return Interval(float(low), float(high), level)
