"""The time of a run, from the time of two passes."""

import pytest

from prefprop_cli.config.schema import TrainTable
from prefprop_cli.training.forecast import Cost, Costs, measure


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
