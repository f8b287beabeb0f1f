"""Comparisons of tensors that say how far apart they are."""

import torch
from torch import Tensor


def max_difference(actual: Tensor, expected: Tensor) -> float:
    """The largest |difference|; the shapes must be the same."""
    assert actual.shape == expected.shape, f"{tuple(actual.shape)} != {tuple(expected.shape)}"
    if not actual.numel():
        return 0.0
    return (actual.detach().double() - expected.detach().double()).abs().max().item()


def assert_close(
    actual: Tensor, expected: Tensor, *, within: float, relative: bool = False, what: str = ""
) -> None:
    """Fails with the largest difference; `relative` to the largest expected number above 1."""
    difference = max_difference(actual, expected)
    if relative and expected.numel():
        difference /= max(1.0, expected.detach().abs().max().item())
    assert difference <= within, f"{what}: max |difference| = {difference:.2e}, not {within:.0e}"


def random(*shape: int, seed: int = 0, std: float = 1.0) -> Tensor:
    """Normal numbers, the same ones for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * std
