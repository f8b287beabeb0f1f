"""Intervals over seeds and documents together, for one method or between two.

A method is trained with several seeds, and each is evaluated on the same N documents: two sources
of chance. The bootstrap here draws documents, the same ones for every seed of every method, so
that a hard document counts against all of them, and then the seeds of each method.

Axes: R resamples, M figures such as F1 and ECE.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from prefprop_cli.evaluation.calibration import Floats
from prefprop_cli.evaluation.statistics import Interval, Resampled, percentile_interval


def nested_intervals(
    first: Sequence[Resampled],
    second: Sequence[Resampled] = (),
    *,
    bounds: Mapping[str, tuple[float, float]],
    seed: int = 1,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Intervals of a method's mean over its seeds, or of first - second, over both chances.

    Resample r: the mean over n seeds, drawn with replacement from the n there are, of their
    figures on the documents of resample r. Percentile intervals, corrected for bias and cut to
    the bounds as in `bootstrap_intervals`.

    The part of the seeds is too narrow by √((n - 1)/n); with one seed a method, the interval is
    the paired bootstrap over documents and says nothing of other seeds.

    Args:
        first: the seeds of a method, from `resample_documents` with one seed of draws.
        second: those of another on the same documents, to be subtracted.
        bounds: least and greatest possible value of each result.
        seed: of the draws of seeds.
        level: nominal coverage.

    Returns:
        One interval for each name in `bounds`, in the unit of its figure.

    Source: Efron & Tibshirani 1993, chapter 8; seeds crossed with documents as in Sellam et al.
    2022 (arXiv 2106.16163), section 3.
    """
    rng = np.random.default_rng(seed)
    names = first[0].names
    observed, samples = _means(first, rng)
    if second:
        others, other_samples = _means(second, rng)
        observed, samples = observed - others, samples - other_samples
    return {
        name: percentile_interval(
            samples[:, names.index(name)],
            float(observed[names.index(name)]),
            level=level,
            bounds=bounds[name],
        )
        for name in bounds
    }


def _means(seeds: Sequence[Resampled], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Mean over the seeds (M,), and in each resample over seeds drawn anew (R, M)."""
    n = len(seeds)
    samples = np.stack([each.samples for each in seeds], axis=1)
    drawn = rng.integers(0, n, (len(samples), n))
    observed: Floats = np.mean([each.observed for each in seeds], axis=0)
    return observed, samples[np.arange(len(samples))[:, None], drawn].mean(axis=1)
