"""Timing: several subjects in turn, after a warm-up, so that a noisy machine is noisy for all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import quantile_test

from prefprop_cli.stats.intervals import Interval


@dataclass(frozen=True)
class Timing:
    """Seconds of the repetitions of one subject.

    Args:
        wall_s: by the clock.
        cpu_s: by the processor, all threads of this process together.
    """

    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]

    @property
    def p50_s(self) -> float:
        """Median by the clock."""
        return float(np.median(self.wall_s))

    @property
    def p95_s(self) -> float:
        return float(np.percentile(self.wall_s, 95))

    @property
    def cpu_p50_s(self) -> float:
        """Median by the processor; less noisy on a shared machine."""
        return float(np.median(self.cpu_s))

    def per_second(self, n: int) -> tuple[float, Interval]:
        """`n` things per repetition as things per second: the median and its 95 % interval."""
        found = median_interval(self.wall_s)
        return n / self.p50_s, Interval(n / found.high, n / found.low, found.level)


def median_interval(values: Sequence[float]) -> Interval:
    """The distribution-free 95 % interval of the median, between two of the values.

    With fewer than six values it is their whole range.
    """
    found = quantile_test(values, p=0.5).confidence_interval(0.95)
    low = found.low if np.isfinite(found.low) else min(values)
    high = found.high if np.isfinite(found.high) else max(values)
    return Interval(float(low), float(high), 0.95)


def paired_ratio(
    numerator: Sequence[float], denominator: Sequence[float]
) -> tuple[float, Interval]:
    """Median of the ratios of repetitions that followed each other, and its 95 % interval.

    What slows the machine down for a while slows both halves of a pair, and cancels out.
    """
    ratios = [top / bottom for top, bottom in zip(numerator, denominator, strict=True)]
    return float(np.median(ratios)), median_interval(ratios)


def interleaved(
    subjects: Sequence[Callable[[], object]],
    *,
    warmup: int,
    repeat: int,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[Timing, ...]:
    """Time each subject `repeat` times, one repetition of each in turn.

    Args:
        subjects: what to time.
        warmup: repetitions of each before the first that counts.
        repeat: repetitions that count.
        progress: told how many repetitions of all subjects together are done.
    """
    seconds: list[list[tuple[float, float]]] = [[] for _ in subjects]
    done = 0
    for round_number in range(warmup + repeat):
        for subject, measured in zip(subjects, seconds, strict=True):
            pair = _seconds_of(subject)
            if round_number >= warmup:
                measured.append(pair)
            done += 1
            progress(done)
    return tuple(Timing(*(tuple(c) for c in zip(*pairs, strict=True))) for pairs in seconds)


def _seconds_of(subject: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    subject()
    return time.perf_counter() - wall, time.process_time() - cpu
