"""Timing: several subjects in turn, after a warm-up, so that a noisy machine is noisy for all."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import quantile_test

from prefprop_cli.evaluation.statistics import Interval


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
        """`n` things per repetition as things per second: the median and its 95 % interval.

        The interval is the distribution-free one between order statistics; with fewer than six
        repetitions it is their whole range.
        """
        found = quantile_test(self.wall_s, p=0.5).confidence_interval(0.95)
        fastest = found.low if np.isfinite(found.low) else min(self.wall_s)
        slowest = found.high if np.isfinite(found.high) else max(self.wall_s)
        return n / self.p50_s, Interval(n / slowest, n / fastest, 0.95)


def interleaved(
    subjects: Mapping[str, Callable[[], None]],
    *,
    warmup: int,
    repeat: int,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Timing]:
    """Time each subject `repeat` times, one repetition of each in turn.

    Args:
        subjects: name → what to time.
        warmup: repetitions of each before the first that counts.
        repeat: repetitions that count.
        progress: told how many repetitions of all subjects together are done.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in subjects}
    done = 0
    for round_number in range(warmup + repeat):
        for name, subject in subjects.items():
            measured = _seconds_of(subject)
            if round_number >= warmup:
                seconds[name].append(measured)
            done += 1
            progress(done)
    return {
        name: Timing(*(tuple(column) for column in zip(*pairs, strict=True)))
        for name, pairs in seconds.items()
    }


def _seconds_of(subject: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    subject()
    return time.perf_counter() - wall, time.process_time() - cpu
