import random

import numpy as np
import pytest
import torch

from prefprop_cli.training.rng import seed_everything


@pytest.mark.parametrize(
    "draw", [random.random, lambda: np.random.rand(), lambda: torch.rand(1).item()]
)
def test_a_seed_fixes_each_generator(draw):
    seed_everything(3)
    first = draw()
    seed_everything(4)
    other = draw()
    seed_everything(3)
    assert draw() == first != other


def seed_of(seed: int, **process: int) -> int:
    seed_everything(seed, **process)
    return torch.initial_seed()


def test_each_process_draws_its_own_numbers_and_rank_0_those_of_the_run():
    assert [seed_of(seed, rank=0, step=9) for seed in (0, 2**32 - 1)] == [0, 2**32 - 1]
    seeds = [
        seed_of(seed, rank=rank, step=step)
        for seed in (0, 1, 2)
        for rank in (1, 2)
        for step in (0, 7)
    ]
    assert len({0, 1, 2, *seeds}) == 3 + 12
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert seed_of(1, rank=2, step=7) == seed_of(1, rank=2, step=7)
