"""The bins of a reliability diagram, with what chance does to each of them."""

from dataclasses import dataclass

from prefprop_cli.calibration.bins import BinSums, edges
from prefprop_cli.stats.intervals import Interval, binomial_quantile, wilson_interval

LEAST_OF_BIN = 10
"""Documents of a bin whose gap says something; of fewer, the interval spans half of the axis."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Documents with a confidence in (lower, upper]; figures of an empty bin are None."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None
    interval: Interval | None
    """Wilson's, of the accuracy."""
    band: Interval | None
    """Where the accuracy of perfectly calibrated models lies, at the interval's level."""

    @property
    def is_small(self) -> bool:
        """Whether chance alone may have made the gap between its accuracy and its confidence."""
        return self.count < LEAST_OF_BIN


def reliability_bins(sums: BinSums) -> tuple[ReliabilityBin, ...]:
    """Return all bins of equal width, the empty ones too, with intervals and bands."""
    cuts = edges(len(sums.count)).tolist()
    columns = (column.tolist() for column in (sums.count, sums.gap, sums.hits))
    rows = zip(cuts[:-1], cuts[1:], *columns, strict=True)
    return tuple(_bin(*row) for row in rows)


def _bin(lower: float, upper: float, n: int, gap: float, hits: int) -> ReliabilityBin:
    """A bin, whose band is that of n documents with its mean confidence each.

    Their own confidences differ by less than the width of the bin, which makes the band wider
    than exact by less than can be seen.

    Source: consistency bars, Bröcker & Smith 2007.
    """
    if not n:
        return ReliabilityBin(lower, upper, 0, None, None, None, None)
    confidence = min((hits - gap) / n, 1.0)  # a mean of ones may be above 1
    interval = wilson_interval(hits, n)
    tails = (1 - interval.level) / 2, (1 + interval.level) / 2
    low, high = (binomial_quantile(tail, n, confidence) / n for tail in tails)
    band = Interval(low, high, interval.level)
    return ReliabilityBin(lower, upper, n, confidence, hits / n, interval, band)
