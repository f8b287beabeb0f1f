"""The time left, from tokens that are done."""

import pytest

from prefprop_cli.training.pace import FORWARD_SHARE, Pace


class Clock:
    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_time_left_follows_tokens() -> None:
    clock = Clock()
    pace = Pace(epoch_tokens=1000, clock=clock)
    clock.now_s += 3
    pace.trained(100)
    assert pace.left_s(2000) == pytest.approx(60)


def test_an_evaluation_is_guessed_and_then_known() -> None:
    clock = Clock()
    pace = Pace(epoch_tokens=1000, evaluation_tokens=500, clock=clock)
    clock.now_s += 10
    pace.trained(1000)
    assert pace.left_s(2000) == pytest.approx(2 * (10 + FORWARD_SHARE * 5))
    with pace.evaluation():
        clock.now_s += 8
    assert pace.left_s(2000) == pytest.approx(2 * (10 + 8))


def test_a_process_without_a_share_of_a_step_knows_nothing() -> None:
    assert Pace(epoch_tokens=1000).left_s(10) == 0
