"""How far apart the calibration errors of two methods are, on the same documents.

Each error lies above its true one, by more where the model is nearly calibrated. The difference of
two is off by the difference of that, which resampled documents do not show: the paired bootstrap
covers the true difference in as few as half of all worlds. Here it is put together from the
intervals of both, which do allow for it.

Axes: N documents, S seeds of both methods together.
"""

from collections.abc import Sequence
from math import inf, sqrt

import numpy as np
from scipy import special

from prefprop_cli.arrays import Flags, Floats, Ints
from prefprop_cli.calibration.error_interval import binned_error_interval, corrected_error
from prefprop_cli.stats.intervals import Interval
from prefprop_cli.stats.nested import Difference

Gaps = tuple[Ints, Floats]
"""`index` and `gap` of `binned_error_interval`, of one seed."""

_LEVEL = 0.95
_SLACK = 1e-9


def error_difference(
    first: Sequence[Gaps],
    second: Sequence[Gaps] = (),
    *,
    n_resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """Compare first - second in a binned calibration error, means over seeds; or the first with 0.

    With θ_s the corrected error of seed s, [l_s, u_s] its interval, a_s = 1 / n₁ for seeds of the
    first method and -1 / n₂ for those of the second, the lower end is

        sum_s a_s θ_s - √(sum_st d_s r_st d_t + z² (v₁ / n₁ + v₂ / n₂)),

    d_s = a_s (θ_s - l_s) in the first and a_s (u_s - θ_s) in the second (the upper end, the other
    way about), r_st the correlation of both errors over documents (1 for low ends that are 0),
    v the variance over seeds. What seeds differ in by chance of the documents counts twice, so
    that with several seeds and no difference the interval is longer than it need be. With one
    seed a method, nothing is said of other seeds.

    The seeds of both methods are on the same documents in the same order; `second` may be empty.
    The other arguments are those of `binned_error_interval`.

    `value` is the plain difference, and always inside the interval; the p-value is of a normal
    whose interval reaches from the corrected difference to 0 as this one does.

    Source: Zou & Donner 2008, for independent estimates; r is the correlation of the influence
    curves (Hampel 1974).
    """
    draws = {"n_resamples": n_resamples, "seed": seed}
    gaps, n, m = [*first, *second], len(first), len(second)
    found = [binned_error_interval(index, gap, **draws, level=_LEVEL) for index, gap in gaps]
    low, high = (np.array([getattr(each, end) for each in found]) for end in ("low", "high"))
    corrected = np.array([corrected_error(index, gap, **draws) for index, gap in gaps])
    corrected = corrected.clip(low, high)
    below, above = corrected - low, high - corrected
    influence = np.stack([np.sign(np.bincount(index, gap))[index] * gap for index, gap in gaps])
    correlation = _correlation(influence)

    weight = np.array([*(1 / n for _ in first), *(-1 / m for _ in second)])
    z = float(special.ndtri((1 + _LEVEL) / 2))
    over_seeds = z**2 * (_mean_variance(corrected[:n]) + _mean_variance(corrected[n:]))

    def length(is_low: Flags) -> float:
        ends = np.where(is_low, below, above) * weight
        return sqrt(over_seeds + _square(ends, correlation, is_low & (corrected <= below)))

    down, up = length(weight > 0), length(weight < 0)
    centre, value = float(weight @ corrected), float(weight @ influence.mean(axis=1))
    reach = down if centre > 0 else up
    p_value = 2 * float(special.ndtr(-z * abs(centre) / reach)) if reach else 0.0
    interval = Interval(
        max(-1.0 if second else 0.0, min(centre - down, value)),
        min(1.0, max(centre + up, value)),
        _LEVEL,
    )
    return Difference(value, interval, p_value if centre else 1.0)


def _mean_variance(errors: Floats) -> float:
    """Variance of the mean over seeds; 0 with one, of which nothing can be said."""
    return float(np.var(errors, ddof=1)) / len(errors) if len(errors) > 1 else 0.0


def _square(ends: Floats, correlation: Floats, on_border: Flags) -> float:
    """Squared length of correlated ends (S,).

    Where an interval begins at 0 its error lies above the true one or on it, never below: what
    one seed is off by, others do not make up for.
    """
    sure = np.where(np.outer(on_border, on_border), 1.0, correlation)
    return max(0.0, float(ends @ sure @ ends))


def _correlation(rows: Floats) -> Floats:
    """Of rows (S, N); none where a row is constant."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    size = np.sqrt((centred**2).sum(axis=1))
    unit = centred / np.where(size > _SLACK, size, inf)[:, None]
    found: Floats = unit @ unit.T
    np.fill_diagonal(found, 1.0)
    return found
