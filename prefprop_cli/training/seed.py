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


def process_seed(seed: int, *, rank: int, step: int = 0) -> int:
    """The seed of what one of several processes draws: the run's own for rank 0.

    Initial values are drawn with the run's seed on every rank, dropout masks are not: two
    documents of a batch would otherwise get the same ones.

    Args:
        seed: of the run, from 0 to 2³² - 1.
        rank: which process.
        step: optimizer steps done when the process joined the run.

    Returns:
        From 0 to 2³² - 1.
    """
    if rank == 0:
        return seed
    return int(np.random.SeedSequence([seed, rank, step]).generate_state(1)[0])
