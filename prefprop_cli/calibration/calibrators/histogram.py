"""Histogram binning: the share of right answers among documents of like probability."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from prefprop_cli.calibration.calibrators.base import Calibrator
from prefprop_cli.calibration.calibrators.one_vs_rest import (
    Flags,
    Share,
    check_curves,
    claimed_probs,
    joined_probs,
    n_classes_of,
    problems,
    rises,
)
from prefprop_cli.calibration.predictions import Floats, Ints
from prefprop_cli.errors import CorruptFileError

N_BINS = 10
"""Bins of each class; those that equal probabilities would split are one."""


@dataclass(frozen=True)
class Histogram(Calibrator):
    """The calibrated probability of a class is its share among documents in the same bin.

    Ten bins of as many documents each, by the probability of class 1 of two classes, else of each
    class against the rest, renormalised. The share of n₊ among n is (n₊ + 1)/(n + C), Laplace's
    rule of succession, and so neither 0 nor 1.

    Source: Zadrozny & Elkan 2001, section 4; 2002, section 5.
    """

    name: ClassVar = "histogram"
    summary: ClassVar = "the share of each class in ten bins of its probability"

    edges: tuple[tuple[float, ...], ...]
    """For each class with bins, the least probability in every bin but the first, rising."""
    shares: tuple[tuple[Share, ...], ...]
    """What the bins are calibrated to."""

    def __post_init__(self) -> None:
        check_curves(self.edges, self.shares)
        for edges, shares in zip(self.edges, self.shares, strict=True):
            if len(edges) + 1 != len(shares) or not rises(edges):
                raise CorruptFileError("histogram: a bin has no share, or the edges do not rise")

    @property
    def n_classes(self) -> int:
        return n_classes_of(len(self.edges))

    @classmethod
    def _fit(cls, logits: Floats, labels: Ints) -> Self:
        claims = claimed_probs(logits)
        edges = [_edges(column) for column in claims.T]
        shares = [
            _shares(np.searchsorted(own, column, "right"), is_class, n_classes=logits.shape[1])
            for own, (column, is_class) in zip(edges, problems(claims, labels), strict=True)
        ]
        return cls(tuple(tuple(own.tolist()) for own in edges), tuple(shares))

    def _logits(self, logits: Floats) -> Floats:
        bins = zip(claimed_probs(logits).T, self.edges, self.shares, strict=True)
        columns = [
            np.array(shares)[np.searchsorted(edges, column, "right")]
            for column, edges, shares in bins
        ]
        return joined_probs(np.column_stack(columns))

    def __str__(self) -> str:
        return f"bins: {max(map(len, self.shares))}"


def _edges(claims: Floats) -> Floats:
    groups = np.array_split(np.sort(claims), N_BINS)
    first: Floats = np.unique([group[0] for group in groups if len(group)])
    return first[1:]


def _shares(index: Ints, is_class: Flags, *, n_classes: int) -> tuple[float, ...]:
    shares = (np.bincount(index, is_class) + 1) / (np.bincount(index) + n_classes)
    return tuple(shares.tolist())
