"""What a classifier is worth when it may leave the least certain documents to a person.

A threshold on the confidence keeps some documents. Coverage is the share that is kept, risk the
share of wrong predictions among those. Documents of one confidence are kept or left together, so
that nothing depends on the order in which documents stand.

Axes: N documents, G distinct confidences.
"""

from dataclasses import dataclass

import numpy as np

from prefprop_cli.arrays import Floats, Ints
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.errors import UsageError
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.small_samples import given, share

MAX_POINTS = 200
"""Points of a curve that is drawn or written."""


@dataclass(frozen=True)
class CurvePoint:
    """Risk of the documents with a confidence of at least `threshold`."""

    coverage: float
    risk: float
    threshold: float


@dataclass(frozen=True)
class Selection:
    """The n documents with a confidence of at least `threshold`, and Wilson's interval."""

    threshold: float
    n: int
    coverage: float
    accuracy: float
    interval: Interval | None


@dataclass(frozen=True)
class RiskCoverage:
    """Every threshold there is, from the highest confidence down to the lowest: arrays (G,)."""

    threshold: Floats
    n_kept: Ints
    """Documents with at least this confidence; the last is N."""
    n_wrong: Ints
    """Wrong predictions among them."""

    @property
    def aurc(self) -> float:
        """Area under the risk-coverage curve, in [0, 1]: the mean risk over coverages 1/N … 1.

        Inside a group of equal confidences the risk is its mean over all orders of the group:
        with e wrong among m documents before it, and k wrong among its g, (e + jk/g) / (m + j)
        after j of them. Where all confidences are equal it is the error rate.

        Source: Geifman, Uziel & El-Yaniv 2019, section 2 (arXiv 1805.08206).
        """
        kept = np.arange(1, self.n_kept[-1] + 1)
        wrong = np.interp(kept, np.append(0, self.n_kept), np.append(0, self.n_wrong))
        return float((wrong / kept).mean())

    @property
    def coverage(self) -> Floats:
        return np.asarray(self.n_kept / self.n_kept[-1])

    def at_coverage(self, coverage: float) -> Selection:
        """Select the fewest documents, most confident first, that are at least this share of all.

        Equal confidences may lead to more than asked.

        Raises:
            UsageError: coverage outside (0, 1].
        """
        if not 0 < coverage <= 1:
            raise UsageError(f"coverage = {coverage}; a share of the documents is in (0, 1]")
        place = int(np.argmax(self.coverage >= coverage))
        n, wrong = int(self.n_kept[place]), int(self.n_wrong[place])
        return Selection(
            threshold=float(self.threshold[place]),
            n=n,
            coverage=float(self.coverage[place]),
            accuracy=(n - wrong) / n,
            interval=given(share(n - wrong, n, of="documents")),
        )

    def points(self) -> list[CurvePoint]:
        """Return at most 200 points of the curve, even in coverage, its two ends among them."""
        wanted = np.linspace(self.n_kept[0], self.n_kept[-1], MAX_POINTS)
        place = np.unique(np.searchsorted(self.n_kept, wanted))
        columns = (self.coverage, self.n_wrong / self.n_kept, self.threshold)
        rows = zip(*(column[place].tolist() for column in columns), strict=True)
        return [CurvePoint(*row) for row in rows]


def risk_coverage(predictions: Predictions) -> RiskCoverage:
    """Trace risk and coverage over every threshold on the probability of the predicted class.

    Source: El-Yaniv & Wiener 2010; Geifman & El-Yaniv 2017 (arXiv 1705.08500).
    """
    order = np.argsort(-predictions.confidence)
    falling = predictions.confidence[order]
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # of equal confidences
    n_wrong = np.cumsum(1 - predictions.right[order])
    return RiskCoverage(falling[ends], ends + 1, n_wrong[ends])
