import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefprop_cli.errors import UsageError
from prefprop_cli.training.schedule import (
    BATCHES_PER_BUCKET,
    effective_batches,
    learning_rate,
    remaining,
)

lengths_lists = st.lists(st.integers(0, 5000), min_size=1, max_size=200)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 40)


@given(lengths=lengths_lists, seed=seeds, epoch=st.integers(0, 100), batch_size=sizes)
def test_each_document_comes_exactly_once(lengths, seed, epoch, batch_size):
    batches = effective_batches(lengths, seed=seed, epoch=epoch, batch_size=batch_size)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert sorted(len(batch) for batch in batches)[1:] == [batch_size] * (len(batches) - 1)


@given(lengths=lengths_lists, seed=seeds, batch_size=sizes)
def test_is_a_function_of_its_arguments(lengths, seed, batch_size):
    once, again = (
        effective_batches(lengths, seed=seed, epoch=2, batch_size=batch_size) for _ in range(2)
    )
    assert once == again


def test_is_the_same_on_every_machine_and_in_every_version():
    assert effective_batches([5, 3, 8, 1, 9, 2, 7], seed=4, epoch=1, batch_size=3) == [
        [3, 5, 1],
        [0, 6, 2],
        [4],
    ]


def test_seeds_and_epochs_differ():
    orders = [
        effective_batches([1] * 50, seed=seed, epoch=epoch, batch_size=5)
        for seed, epoch in [(0, 0), (0, 1), (1, 0), (1, 1)]
    ]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def test_documents_of_a_batch_are_of_similar_length():
    lengths = list(range(1000))
    batches = effective_batches(lengths, seed=0, epoch=0, batch_size=10)
    spread = sum(max(batch) - min(batch) for batch in batches) / len(batches)
    assert spread < 1000 / BATCHES_PER_BUCKET
    assert all(list(batch) == sorted(batch) for batch in batches)


def test_short_documents_do_not_come_first():
    lengths = list(range(1000))
    means = [
        sum(batch) / 10 for batch in effective_batches(lengths, seed=0, epoch=0, batch_size=10)
    ]
    assert abs(sum(means[:50]) / 50 - sum(means[50:]) / 50) < 100


@given(lengths=lengths_lists, batch_size=sizes, data=st.data())
def test_what_remains_follows_what_is_consumed(lengths, batch_size, data):
    batches = effective_batches(lengths, seed=0, epoch=0, batch_size=batch_size)
    n_done = data.draw(st.integers(0, len(batches)))
    position = sum(len(batch) for batch in batches[:n_done])
    assert remaining(batches, position=position) == batches[n_done:]


@pytest.mark.parametrize("position", [1, 3, 99])
def test_a_position_inside_a_batch_is_of_another_run(position):
    with pytest.raises(UsageError, match=rf"after {position} documents.*train.batch_size"):
        remaining([[0, 1], [2, 3], [4]], position=position)


def rates(n_steps: int, warmup: float) -> list[float]:
    return [
        learning_rate(step, n_steps=n_steps, peak=1.0, warmup=warmup)
        for step in range(1, n_steps + 1)
    ]


def test_rises_to_the_peak_and_falls_towards_zero():
    assert rates(10, 0.4) == pytest.approx(
        [1 / 4, 2 / 4, 3 / 4, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7]
    )


def test_without_warm_up_the_first_step_is_the_peak():
    assert rates(4, 0.0) == pytest.approx([1, 3 / 4, 2 / 4, 1 / 4])


@pytest.mark.parametrize("n_steps", [1, 2, 7, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.99])
def test_no_step_is_thrown_away(n_steps: int, warmup: float):
    assert min(rates(n_steps, warmup)) > 0
    assert max(rates(n_steps, warmup)) == 1


def test_scales_with_the_peak():
    assert learning_rate(3, n_steps=10, peak=0.02, warmup=0.4) == pytest.approx(0.02 * 3 / 4)
