"""The squared calibration error without the part that chance adds to it."""

from math import copysign, sqrt

from numpy.typing import ArrayLike

from prefprop_cli.calibration.binning import DEFAULT_BINS, BinSums
from prefprop_cli.calibration.equal_mass import group_starts, ranked
from prefprop_cli.calibration.predictions import Predictions


def debiased_squared_error(
    probs: ArrayLike, labels: ArrayLike, *, n_bins: int = DEFAULT_BINS
) -> float:
    """Squared calibration error of the top label, corrected for chance; may be negative.

        sum_b n_b/N [(accuracy_b - confidence_b)² - accuracy_b (1 - accuracy_b) / (n_b - 1)]

    over groups of equal size. The second term is what the variance of n_b outcomes adds to the
    first, estimated without bias: the expectation is the squared error of the group means, 0 for
    a calibrated model, which then scores below 0 about every other time. A group of one document
    has no variance to subtract and adds 0; where all are (N ≤ n_bins), the result is 0.

    Args:
        probs: (N, C), rows sum to 1.
        labels: (N,) int, in [0, C).
        n_bins: groups.

    Returns:
        In [-1/4, 1], the unit of a probability squared; `signed_root` gives that of an ECE.

    Raises:
        DataError: as `expected_calibration_error`.

    Source: Kumar et al. 2019, section 5 (arXiv 1909.10155).
    """
    predictions = Predictions.from_probs(probs, labels)
    documents = ranked(predictions.confidence, predictions.right)
    return debiased_squared(documents.sums(group_starts(len(documents.right), n_bins)))


def debiased_squared(sums: BinSums) -> float:
    """`debiased_squared_error` of the sums of groups."""
    several = sums.count > 1
    count, gap, hits = sums.count[several], sums.gap[several], sums.hits[several]
    variance = hits / count * (1 - hits / count) / (count - 1)
    return float((count * ((gap / count) ** 2 - variance)).sum() / sums.count.sum())


def signed_root(square: float) -> float:
    """sign(x) √|x|: a debiased square in the unit of an ECE, its sign kept."""
    return copysign(sqrt(abs(square)), square)
