"""Timing: several subjects in turn, after a warm-up, so that a noisy machine is noisy for all."""

import ctypes
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import quantile_test
from torch.utils.benchmark import timer

from prefprop_cli.stats.intervals import Interval


@dataclass(frozen=True)
class Timing:
    """Seconds of the repetitions of one subject."""

    wall_s: tuple[float, ...]
    """By the clock."""
    cpu_s: tuple[float, ...]
    """By the processor, all threads together; less noisy on a shared machine."""

    @property
    def p50_s(self) -> float:
        """Median by the clock."""
        return float(np.median(self.wall_s))

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
    on_progress: Callable[[int], None] = lambda done: None,
) -> tuple[Timing, ...]:
    """Time each subject `repeat` times, one repetition of each in turn.

    Args:
        subjects: what to time; a GPU is waited for.
        warmup: repetitions of each before the first that counts.
        repeat: repetitions that count.
        on_progress: told how many repetitions of all subjects together are done.
    """
    seconds: list[list[tuple[float, float]]] = [[] for _ in subjects]
    for number in range((warmup + repeat) * len(subjects)):
        which = number % len(subjects)
        wall, cpu = timer(), time.process_time()
        subjects[which]()
        pair = timer() - wall, time.process_time() - cpu
        if number >= warmup * len(subjects):
            seconds[which].append(pair)
        on_progress(number + 1)
    return tuple(Timing(*(tuple(c) for c in zip(*pairs, strict=True))) for pairs in seconds)


def can_measure_memory(device: str) -> bool:
    """Whether the peak of a process can be told here: on CUDA, or by Linux."""
    return device.startswith("cuda") or Path("/proc/self/clear_refs").exists()


def peak_bytes(run: Callable[[], object], *, device: str) -> int:
    """Most memory while `run` works: of the GPU, or of this process with all that it holds."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        run()
        return torch.cuda.max_memory_allocated(device)
    # From here on VmHWM is the peak of the work, without what loading needed for a moment.
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    run()
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
