"""What the tests of single methods share."""

from itertools import pairwise

import torch
from torch import Tensor

from prefprop_cli.core.methods import Method


def n_trained(method: Method) -> int:
    """Numbers that training changes."""
    return sum(p.numel() for p in method.parameters() if p.requires_grad)


def assert_fresh_mask_for_each_row(given: Tensor, parameter: Tensor, *, dropout: float) -> None:
    """`given` (B, …) holds `parameter` (…) or zero in each row, scaled to keep the mean.

    Args:
        given: what a method in train mode gives a batch.
        parameter: what it trains, nowhere zero.
        dropout: probability of a zero.
    """
    kept = given != 0
    expected = torch.where(kept, parameter / (1 - dropout), 0.0)
    assert torch.allclose(given, expected)
    assert abs(kept.float().mean() - (1 - dropout)) < 0.02
    for row, other in pairwise(kept):
        agree = (row == other).float().mean()
        assert abs(agree - (dropout**2 + (1 - dropout) ** 2)) < 0.05
