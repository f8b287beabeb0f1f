"""One seed for every generator a run draws from."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Set the generators of Python, NumPy and torch (all devices); the same seed, the same run.

    Args:
        seed: from 0 to 2³² - 1.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
