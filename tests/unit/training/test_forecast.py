"""The time of a run, from the time of two passes, and of its rest from what is done."""

import pytest

from prefprop_cli.config.schema import TrainTable
from prefprop_cli.training.forecast import FORWARD_SHARE, Cost, Costs, Pace, measure


class Machine:
    """Takes so long for a pass, and longer for the first."""

    def __init__(self, *, document_s: float, token_s: float) -> None:
        self.now_s, self.done = 0.0, []
        self.document_s, self.token_s = document_s, token_s

    def __call__(self) -> float:
        return self.now_s

    def work(self, length: int) -> None:
        warm_up = 0 if self.done else 5
        self.done.append(length)
        self.now_s += warm_up + self.document_s + length * self.token_s


@pytest.mark.parametrize(("longest", "last"), [(4096, 1024), (300, 256), (100, 64), (30, 30)])
def test_cost_is_measured_on_the_longest_pass_there_is_time_for(longest: int, last: int) -> None:
    machine = Machine(document_s=0.01, token_s=0.0004)
    cost = measure(machine.work, longest=longest, most_s=0.5, clock=machine, busy=machine)
    assert max(machine.done) == last
    assert cost.of([last]) == pytest.approx(0.01 + last * 0.0004)
    if last > 64:
        assert cost.document_s == pytest.approx(0.01)
        assert cost.token_s == pytest.approx(0.0004)


def test_a_slow_machine_is_not_asked_twice() -> None:
    machine = Machine(document_s=0.0, token_s=0.1)
    measure(machine.work, longest=4096, most_s=0.5, clock=machine, busy=machine)
    assert machine.done == [64, 64, 64]


@pytest.mark.parametrize(
    ("settings", "n_epochs", "n_evaluations"),
    [
        ({"epochs": 3, "batch_size": 4}, 3, 3),
        ({"epochs": 3, "batch_size": 4, "max_steps": 5}, 2.5, 3),
        ({"epochs": 3, "batch_size": 4, "max_steps": 99}, 3, 3),
    ],
)
def test_a_run_is_its_passes(settings, n_epochs: float, n_evaluations: int) -> None:
    costs = Costs(training=Cost(0.5, 0.01), evaluation=Cost(0.1, 0.002))
    found = costs.run_s([100] * 8, [50, 150], TrainTable(**settings))
    assert found == pytest.approx(n_epochs * 8 * 1.5 + n_evaluations * (0.2 + 0.4))


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
