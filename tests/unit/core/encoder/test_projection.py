"""The split is unbinding and indexing, and copies nothing where it need not."""

import pytest
import torch
from torch import Tensor

from prefprop_cli.core.encoder.projection import split_qkv
from tests.helpers.compare import assert_close, random

T, H, D = 9, 2, 4
PLACES = torch.tensor([0, 3, 3, 8])


def plain(projected: Tensor) -> tuple[Tensor, ...]:
    query, key, value = projected.unflatten(1, (3, H, D)).unbind(1)
    return query, key, value, key[PLACES], value[PLACES]


def ours(projected: Tensor) -> tuple[Tensor, ...]:
    return split_qkv(projected, PLACES, n_heads=H)


@pytest.mark.parametrize("n_read", [5, 3, 1])
def test_the_same_as_unbinding_and_indexing(n_read: int):
    """Also when some of the parts are not read."""
    gradients = []
    for split in (plain, ours):
        projected = random(T, 3 * H * D).requires_grad_()
        parts = split(projected)
        loss = sum(
            (part * random(*part.shape, seed=n)).sum() for n, part in enumerate(parts[-n_read:])
        )
        gradients.append(torch.autograd.grad(loss, projected)[0])
    for part, expected in zip(ours(projected), plain(projected), strict=True):
        assert part.equal(expected)
    assert_close(*gradients, within=1e-6)


class OnePiece(torch.autograd.Function):
    """Gives back gradients that lie in one piece, or with its parts in another order."""

    @staticmethod
    def forward(ctx, order, *parts):
        ctx.order = order
        return sum(parts)

    @staticmethod
    def backward(ctx, grad):
        OnePiece.memory = torch.stack([grad, 2 * grad, 3 * grad], dim=1)
        parts = OnePiece.memory.unbind(1)
        return None, *(parts[place] for place in ctx.order)


def gradient_of(order: tuple[int, ...]) -> Tensor:
    projected = random(T, 3 * H * D).requires_grad_()
    query, key, value, of_keys, _ = ours(projected)
    loss = OnePiece.apply(order, query, key, value).sum() + 10 * of_keys.sum()
    return torch.autograd.grad(loss, projected)[0]


def expected(order: tuple[int, ...]) -> Tensor:
    gradient = torch.tensor([1.0, 2, 3])[list(order)].view(1, 3, 1).repeat(T, 1, H * D)
    gradient[:, 1].index_add_(0, PLACES, torch.full((len(PLACES), H * D), 10.0))
    return gradient.flatten(1)


def test_gradients_in_one_piece_go_back_as_they_are():
    gradient = gradient_of((0, 1, 2))
    assert gradient.data_ptr() == OnePiece.memory.data_ptr()
    assert gradient.equal(expected((0, 1, 2)))


def test_gradients_in_another_order_do_not():
    gradient = gradient_of((1, 0, 2))
    assert gradient.data_ptr() != OnePiece.memory.data_ptr()
    assert gradient.equal(expected((1, 0, 2)))
