import time
from functools import partial

import pytest
import torch

from prefprop_cli.bench.measure import (
    Timing,
    can_measure_memory,
    interleaved,
    median_interval,
    paired_ratio,
    peak_bytes,
)


def test_subjects_take_turns_and_the_warm_up_does_not_count() -> None:
    calls: list[str] = []
    told: list[int] = []
    timings = interleaved(
        [lambda: calls.append("a"), lambda: calls.append("b")],
        warmup=1,
        repeat=2,
        on_progress=told.append,
    )
    assert calls == ["a", "b"] * 3
    assert told == [1, 2, 3, 4, 5, 6]
    assert [len(timing.wall_s) for timing in timings] == [2, 2]


def test_waiting_takes_time_by_the_clock_and_none_of_the_processor() -> None:
    (timing,) = interleaved([lambda: time.sleep(0.05)], warmup=0, repeat=3)
    assert timing.p50_s >= 0.05
    assert max(timing.cpu_s) < 0.04


def test_rates_come_from_the_median() -> None:
    timing = Timing(wall_s=(0.1, 0.2, 0.9), cpu_s=(0.1, 0.1, 0.1))
    rate, interval = timing.per_second(4)
    assert rate == pytest.approx(20)
    assert (interval.low, interval.high) == pytest.approx((4 / 0.9, 4 / 0.1))


def test_the_interval_leaves_out_the_odd_repetition() -> None:
    interval = median_interval([0.1, 9.0, *(0.2 + n / 100 for n in range(10))])
    assert 0.1 < interval.low < interval.high < 0.3


def test_a_ratio_is_of_pairs_so_that_a_slow_while_cancels_out() -> None:
    slow_while = [1.0, 1.0, 5.0, 5.0, 5.0, 1.0, 1.0]
    ratio, interval = paired_ratio([3 * s for s in slow_while], slow_while)
    assert (ratio, interval.low, interval.high) == (3, 3, 3)
    ratio, interval = paired_ratio([2, 4, 6], [1, 1, 1])
    assert (ratio, interval.low, interval.high) == (4, 2, 6)


@pytest.mark.skipif(not can_measure_memory("cpu"), reason="needs Linux")
def test_the_peak_is_of_the_work_and_not_of_what_was_before() -> None:
    def hold(mib: int) -> None:
        torch.ones(mib * 2**18)

    hold(300)
    little, much = (peak_bytes(partial(hold, n), device="cpu") for n in (1, 100))
    assert 80 * 2**20 < much - little < 150 * 2**20
