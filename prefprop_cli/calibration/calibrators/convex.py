"""The optimum of a cross-entropy whose logits are linear in what is fitted.

N documents, C classes, P parameters.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from prefprop_cli.arrays import Floats
from prefprop_cli.calibration.predictions import softmax
from prefprop_cli.errors import PrefpropError

TOLERANCE = 1e-6
"""Steepest slope that still counts as the optimum, in nats for a change of a logit by about 1."""
_MAX_RADIUS = 1e9  # scipy's 1,000 keeps a prior around far-off values from being reached
_LEAST = 1e-30  # what is multiplied by 0 has no say, and no unit
_STOPPED = (
    "the calibration stopped short of its optimum: slope {steepest:.1e} after {steps} steps, "
    f"wanted {TOLERANCE:g}. Use --method temperature"
)


def minimise_cross_entropy(
    logits_of: Callable[[Floats], Floats],
    transposed: Callable[[Floats], Floats],
    *,
    targets: Floats,
    start: ArrayLike,
    size: ArrayLike,
    precision: float = 0.0,
) -> Floats:
    """Find the parameters θ that minimise a cross-entropy with a normal prior around the start.

    L(θ) = 1/N ( - sum_i sum_k t_ik log softmax(A θ)_ik + 1/2 sum_j s_j (θ_j - start_j)² )

    L is convex. Newton's steps in a trust region end at a slope of 1e-11, L-BFGS at 1e-8. Units of
    a parameter change a logit by about 1: logits of 0.001 and of 1,000 are one problem.

    `logits_of` is A, from θ (P,) to logits (N, C), linear, and `transposed` Aᵀ. The rows of the
    targets t (N, C) sum to 1. `start` (P,) is where nothing changes, `size` (P,) the mean absolute
    value of what each parameter is multiplied by; a `precision` s of 1 weighs about a document.

    Raises:
        PrefpropError: the search stopped short of the optimum.
    """
    from scipy import optimize, special  # 0.4 s that predicting does not need

    n, centre = len(targets), np.asarray(start, np.float64)
    unit = 1 / np.maximum(size, np.sqrt(precision / n)).clip(_LEAST)

    def loss(theta: Floats) -> float:
        prior = (precision * (theta - centre) ** 2).sum() / 2
        return float(prior - (targets * special.log_softmax(logits_of(theta), axis=1)).sum()) / n

    def slope(theta: Floats) -> Floats:
        residual = softmax(logits_of(theta)) - targets
        return (transposed(residual) + precision * (theta - centre)) / n

    def curvature(theta: Floats, direction: Floats) -> Floats:
        probs = softmax(logits_of(theta))
        change = probs * logits_of(direction)
        change -= probs * change.sum(axis=1, keepdims=True)
        return (transposed(change) + precision * direction) / n

    found = optimize.minimize(
        lambda steps: loss(unit * steps),
        np.zeros_like(centre),
        jac=lambda steps: unit * slope(unit * steps),
        hessp=lambda steps, direction: unit * curvature(unit * steps, unit * direction),
        method="trust-ncg",
        options={"gtol": TOLERANCE / 1000, "max_trust_radius": _MAX_RADIUS},
    )
    theta: Floats = unit * found.x
    if not (steepest := float(np.abs(unit * slope(theta)).max())) <= TOLERANCE:
        raise PrefpropError(_STOPPED.format(steepest=steepest, steps=found.nit))
    return theta
