"""Temperature scaling: one number that divides the logits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from prefprop_cli.evaluation.calibration import checked, negative_log_likelihood

LOG_BOUND = 10.0
"""Temperatures are sought in [exp(-10), exp(10)]."""


@dataclass(frozen=True)
class Temperature:
    """A fitted temperature T; calibrated probabilities are softmax(logits / T).

    `at_bound` is True where the likelihood has no optimum within the bounds: every document is
    right (T falls to the lower one) or confidence is worse than none (T rises to the upper one).
    Such a T says only that these documents cannot settle it.
    """

    value: float
    nll_before: float
    nll_after: float
    at_bound: bool


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> Temperature:
    """The temperature T that minimises the negative log-likelihood of softmax(logits / T).

    The likelihood is convex in 1/T; it is searched in log(1/T), which settles T to about eight
    digits. Dividing by T changes no prediction. Fit on validation documents, never on the
    documents that are reported.

    Args:
        logits: (N, C).
        labels: (N,) int, in [0, C).

    Returns:
        The temperature, 1 where no other does better.

    Raises:
        DataError: no rows, shapes that do not fit, a NaN or infinity, or a label outside [0, C).

    Source: Guo et al. 2017, section 4.2 (arXiv 1706.04599).
    """
    values, names = checked(logits, labels)

    def loss(log_inverse: float) -> float:
        return negative_log_likelihood(values * np.exp(log_inverse), names)

    found = optimize.minimize_scalar(
        loss, bounds=(-LOG_BOUND, LOG_BOUND), method="bounded", options={"xatol": 1e-12}
    )
    # Of equal ones the first: no change, then a bound, which a search on a plateau stops short of.
    best = min((0.0, -LOG_BOUND, LOG_BOUND, float(found.x)), key=loss)
    return Temperature(
        value=float(np.exp(-best)),
        nll_before=loss(0.0),
        nll_after=loss(best),
        at_bound=abs(best) == LOG_BOUND,
    )
