"""A run stopped or killed anywhere, and resumed, ends with the bits of one left alone."""

import shutil
from collections.abc import Callable
from itertools import combinations

import pytest
import torch

from prefprop_cli.errors import CorruptFileError, PrefpropError, UsageError
from prefprop_cli.training.events import (
    Evaluated,
    Evaluation,
    Event,
    Saved,
    Started,
    Step,
    Stopped,
    Warned,
)

SETTINGS = {"epochs": 2, "save_every": 2}
N_STOPS = 2 * (2 + 2 + 1 + 1)  # per epoch: micro-batches of 2 in batches of 4, 4, 2; an evaluation


class Killed(BaseException):
    pass


def stop_at(call: int) -> Callable[[], bool]:
    """Asked to stop from its n-th look on (0 for the first)."""
    looks = iter(range(10_000))
    return lambda: next(looks) >= call


def kill_at(event: int) -> Callable[[Event], None]:
    """Dies in its n-th event."""
    events = iter(range(10_000))

    def on_event(_: Event) -> None:
        if next(events) == event:
            raise Killed

    return on_event


@pytest.fixture(scope="module")
def undisturbed(lasting_toys):
    toy = lasting_toys()
    toy.result = toy.fit(**SETTINGS)
    return toy


def assert_same_run(toys, undisturbed, *processes):
    """The processes of one run, together, did what the undisturbed run did, to the bit."""
    last = processes[-1]
    for expected, found in [
        (undisturbed.weights(), last.weights()),
        (undisturbed.checkpoints.newest().trained, last.checkpoints.newest().trained),
        (undisturbed.checkpoints.newest().optimizer, last.checkpoints.newest().optimizer),
    ]:
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
    expected_rows, rows = toys.log(undisturbed), toys.log(*processes)
    assert [row.ids for row in rows] == [row.ids for row in expected_rows]
    assert [(row.step, row.loss, row.lr, row.grad_norm) for row in rows] == [
        (row.step, row.loss, row.lr, row.grad_norm) for row in expected_rows
    ]
    assert undisturbed.checkpoints.newest().rng == last.checkpoints.newest().rng
    assert undisturbed.checkpoints.best().step == last.checkpoints.best().step


def test_the_toy_run_draws_random_numbers(toys, undisturbed):
    """Without this the tests below could not tell a run that forgets its generators."""
    plain = toys("plain", dropout=0.0)
    plain.fit(**SETTINGS)
    assert not torch.equal(plain.model.prefix, undisturbed.model.prefix)


@pytest.mark.parametrize("call", range(N_STOPS))
def test_stopped_anywhere(toys, undisturbed, call):
    first, second = toys(), toys()
    stopped = first.fit(**SETTINGS, should_stop=stop_at(call))
    assert stopped.status == "interrupted"
    assert first.events[-1] == Stopped("interrupted")
    assert not first.model.training
    assert first.checkpoints.newest().step == stopped.step == len(first.seen(Step))
    result = second.fit(**SETTINGS, resume=True)
    assert second.seen(Started)[0].step == stopped.step
    assert_same_run(toys, undisturbed, first, second)
    assert (result.status, result.best_step, result.metrics) == (
        "finished",
        undisturbed.result.best_step,
        undisturbed.result.metrics,
    )


def test_a_state_is_not_saved_twice(toys):
    first, second = toys(), toys()
    first.fit(should_stop=stop_at(2))
    second.fit(should_stop=stop_at(0), resume=True)
    assert (len(first.seen(Saved)), len(second.seen(Saved))) == (1, 0)


def test_no_stop_was_left_out(toys):
    assert toys().fit(**SETTINGS, should_stop=stop_at(N_STOPS)).status == "finished"


@pytest.mark.parametrize(("call", "again"), list(combinations(range(0, N_STOPS, 3), 2)))
def test_stopped_twice(toys, undisturbed, call, again):
    processes = [toys(), toys(), toys()]
    processes[0].fit(**SETTINGS, should_stop=stop_at(call))
    processes[1].fit(**SETTINGS, should_stop=stop_at(again - call), resume=True)
    processes[2].fit(**SETTINGS, resume=True)
    assert_same_run(toys, undisturbed, *processes)


@pytest.mark.parametrize("event", range(1, 2 * (3 + 1 + 3) + 1))
def test_killed_anywhere(toys, undisturbed, event):
    first, second, third = toys(), toys(), toys()
    with pytest.raises(Killed):
        first.fit(**SETTINGS, on_event=kill_at(event))
    with pytest.raises(Killed):
        second.fit(**SETTINGS, on_event=kill_at(1), resume=True)
    third.fit(**SETTINGS, resume=True)
    assert_same_run(toys, undisturbed, first, second, third)


def test_stopped_inside_an_evaluation(toys, undisturbed):
    first, second = toys(), toys()

    def broken_off():
        torch.rand(1)

    assert first.fit(**SETTINGS, evaluate=broken_off).status == "interrupted"
    assert first.seen(Evaluated) == []
    second.fit(**SETTINGS, resume=True)
    assert [e.step for e in second.seen(Evaluated)] == [3, 6]
    assert_same_run(toys, undisturbed, first, second)


def test_the_last_evaluation_of_max_steps_is_not_lost(toys):
    whole, first, second = toys("whole"), toys(), toys()
    settings = {"max_steps": 4, "micro_batch_size": 4}
    expected = whole.fit(**settings)
    looks_before_it = 3 + 1 + 1  # an epoch, its evaluation, step 4
    assert first.fit(**settings, should_stop=stop_at(looks_before_it)).step == 4
    result = second.fit(**settings, resume=True)
    assert [e.step for e in second.seen(Evaluated)] == [4]
    assert (result.best_step, result.metrics) == (expected.best_step, expected.metrics)


def test_died_between_the_save_of_the_best_and_its_mark(toys, undisturbed):
    first, second = toys(), toys()

    def mark_best(step):
        raise Killed

    first.checkpoints.mark_best = mark_best
    with pytest.raises(Killed):
        first.fit(**SETTINGS)
    second.fit(**SETTINGS, should_stop=stop_at(0), resume=True)
    assert second.checkpoints.best().step == 3


def test_a_finished_run_has_nothing_left_to_do(toys, undisturbed):
    toys().fit(**SETTINGS)
    again = toys()
    result = again.fit(**SETTINGS, resume=True)
    assert [type(event) for event in again.events] == [Started, Stopped]
    assert result.status == "finished"
    assert result.metrics == undisturbed.result.metrics
    assert all(torch.equal(again.weights()[n], t) for n, t in undisturbed.weights().items())


def test_patience_outlives_a_stop(toys):
    """The metric of the first epoch is never beaten."""
    worse = iter([1.0, 2.0, 3.0, 4.0])
    first, second = toys(), toys()

    def evaluate():
        evaluation = first.evaluate()
        evaluation.metrics["nll"] = next(worse)
        return evaluation

    first.fit(evaluate=evaluate, patience=2, epochs=9, should_stop=stop_at(13))
    result = second.fit(evaluate=evaluate, patience=2, epochs=9, resume=True)
    assert (result.status, result.epoch, result.best_step) == ("stopped early", 3, 3)


def test_the_first_step_of_a_resumed_run_is_guarded_too(toys):
    toys().fit(should_stop=stop_at(2))
    toy = toys()
    toy.model.backbone.requires_grad_(True)
    with pytest.raises(PrefpropError, match=r"backbone\.weight, backbone\.bias are frozen"):
        toy.fit(resume=True)


def test_says_that_a_checkpoint_is_damaged_and_takes_the_one_before(toys, undisturbed):
    first, second = toys(), toys()
    stopped = first.fit(**SETTINGS, should_stop=stop_at(9))
    (path,) = (saved.path for saved in first.seen(Saved) if saved.step == stopped.step)
    (path / "trained.safetensors").write_bytes(b"damaged")
    second.fit(**SETTINGS, resume=True)
    assert second.seen(Started)[0].step < stopped.step
    assert isinstance(second.events[1], Warned)
    assert str(path) in second.events[1].message
    assert_same_run(toys, undisturbed, first, second)


def test_the_best_checkpoint_is_gone(toys):
    toy = toys()

    def lose(event):
        if isinstance(event, Saved) and event.step == 9:
            shutil.rmtree(toy.seen(Saved)[0].path)

    worse = iter([1.0, 2.0, 3.0])
    with pytest.raises(CorruptFileError, match="step 3 was the best, and its checkpoint is gone"):
        toy.fit(on_event=lose, evaluate=lambda: Evaluation({"nll": next(worse)}, (5, 5), (5, 5)))


def test_without_a_checkpoint_it_starts_and_says_so(toys, undisturbed):
    toy = toys()
    toy.fit(**SETTINGS, resume=True)
    assert "no checkpoint to resume from" in toy.seen(Warned)[0].message
    assert [e.step for e in toy.seen(Saved)] == [2, 3, 4, 6]


def test_a_checkpoint_of_another_model(toys):
    toys().fit(epochs=1)
    toy = toys()
    toy.model.head = torch.nn.Linear(8, 4)
    with pytest.raises(CorruptFileError, match=r"step 3 .*head\.bias, head\.weight"):
        toy.fit(epochs=2, resume=True)


def test_a_checkpoint_of_another_batch_size(toys):
    toys().fit(should_stop=stop_at(2))
    with pytest.raises(UsageError, match=r"after 2 documents.*train\.batch_size"):
        toys().fit(batch_size=3, resume=True)
