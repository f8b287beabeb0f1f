import random

import numpy as np
import pytest
import torch

from prefprop_cli.training.seed import seed_everything


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
