"""The bins of a reliability diagram, with what chance does to each of them."""

from dataclasses import dataclass

from prefprop_cli.calibration.binning import Bin
from prefprop_cli.stats.intervals import Interval, binomial_quantile, wilson_interval

LEAST_OF_BIN = 10
"""Documents of a bin whose gap says something; of fewer, the interval spans half of the axis."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Documents with a confidence in (lower, upper]; figures of an empty bin are None.

    Attributes:
        lower: of the bin.
        upper: of the bin.
        count: documents.
        confidence: their mean.
        accuracy: share of them that is right.
        interval: Wilson's, of the accuracy.
        band: where the accuracy of perfectly calibrated models lies, at the interval's level.
    """

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None
    interval: Interval | None
    band: Interval | None

    @property
    def is_small(self) -> bool:
        """Whether chance alone may have made the gap between its accuracy and its confidence."""
        return self.count < LEAST_OF_BIN


def reliability_bin(found: Bin, *, level: float = 0.95) -> ReliabilityBin:
    """A bin with the interval of its accuracy and the band of calibrated models.

    The band is that of `count` documents with the bin's mean confidence each. Their own
    confidences differ by less than the width of the bin, which makes it wider than exact by less
    than can be seen.

    Args:
        found: a bin of equal width.
        level: of both.

    Source: consistency bars, Bröcker & Smith 2007.
    """
    if not found.count:
        return ReliabilityBin(found.lower, found.upper, 0, None, None, None, None)
    n, confidence = found.count, min(found.confidence, 1.0)  # a mean of ones may be above 1
    tails = (1 - level) / 2, (1 + level) / 2
    low, high = (binomial_quantile(tail, n, confidence) / n for tail in tails)
    return ReliabilityBin(
        lower=found.lower,
        upper=found.upper,
        count=n,
        confidence=confidence,
        accuracy=found.accuracy,
        interval=wilson_interval(round(found.accuracy * n), n, level=level),
        band=Interval(low, high, level),
    )
