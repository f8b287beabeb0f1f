"""Intervals over seeds and documents together, for one method or between two.

A method is trained with several seeds, and each is evaluated on the same N documents: two sources
of chance. The bootstrap here draws documents, the same ones for every seed of every method, so
that a hard document counts against all of them, and then the seeds of each method.

Axes: R resamples, M figures such as F1 and ECE.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prefprop_cli.arrays import Floats
from prefprop_cli.stats.intervals import Interval, Resampled, percentile_interval

_ROUNDING = 1e-12
_SEED = 1
_LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """First - second in one figure: the means over seeds, over seeds and documents."""

    value: float
    interval: Interval
    p_value: float
    """Two-sided, of no difference; below 0.05 where `interval` leaves 0 out."""


def nested_differences(
    first: Sequence[Resampled],
    second: Sequence[Resampled] = (),
    *,
    bounds: Mapping[str, tuple[float, float]],
) -> dict[str, Difference]:
    """Compare two methods, or one with 0: how far apart they are, and whether by chance.

    Resample r: the mean over n seeds, drawn with replacement from the n there are, of their
    figures on the documents of resample r. Percentile intervals, corrected for bias and cut to
    the bounds as in `percentile_interval`. The part of the seeds is too narrow by √((n - 1)/n);
    with one seed a method, the interval is the paired bootstrap over documents and says nothing of
    other seeds.

    The p-value is twice the share of resamples, the observed ones counted among them, on the
    rarer side of 0, after the same correction for bias; a resample in which both are level counts
    for either side. For accuracy, F1, NLL and Brier score; a binned calibration error has
    `error_difference`, as bias of which resamples know nothing is left in its differences.

    All seeds are from `resample_documents` with one seed of draws; `bounds` are the least and
    greatest possible value of each figure that is wanted.

    Source: Efron & Tibshirani 1993, chapters 8, 15 and 16; seeds crossed with documents as in
    Sellam et al. 2022 (arXiv 2106.16163), section 3.
    """
    rng = np.random.default_rng(_SEED)
    observed, samples = _means(first, rng)
    if second:
        others, other_samples = _means(second, rng)
        observed, samples = observed - others, samples - other_samples
    places = {name: first[0].names.index(name) for name in bounds}
    return {
        name: _difference(samples[:, k], float(observed[k]), bounds=bounds[name])
        for name, k in places.items()
    }


def _difference(samples: Floats, observed: float, *, bounds: tuple[float, float]) -> Difference:
    interval = percentile_interval(samples, observed, level=_LEVEL, bounds=bounds)
    corrected = samples - 2 * (samples.mean() - observed)
    # Where few documents differ many resamples are level; the bias must not move them to one side.
    is_level = np.abs(samples) < _ROUNDING
    rarer = min(int(((side * corrected >= 0) | is_level).sum()) for side in (-1, 1))
    p_value = min(1.0, 2 * (1 + rarer) / (1 + len(samples)))
    if p_value > 1 - _LEVEL and interval.low * interval.high > 0:
        interval = Interval(min(interval.low, 0.0), max(interval.high, 0.0), _LEVEL)
    return Difference(observed, interval, p_value)


def _means(seeds: Sequence[Resampled], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Mean over the seeds (M,), and in each resample over seeds drawn anew (R, M)."""
    n = len(seeds)
    samples = np.stack([each.samples for each in seeds], axis=1)
    drawn = rng.integers(0, n, (len(samples), n))
    observed: Floats = np.mean([each.observed for each in seeds], axis=0)
    return observed, samples[np.arange(len(samples))[:, None], drawn].mean(axis=1)
