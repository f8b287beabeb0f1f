"""How the blocks are cut; that they add up to the definition is in tests/equivalence."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from prefprop_cli.attention import Band, Rows, sdpa
from tests.helpers.compare import random


@pytest.mark.parametrize(
    ("length", "half_window", "blocks"),
    [
        (65, 64, [(1, 65)]),  # every query sees every key
        (66, 64, [(1, 64), (1, 2)]),
        (640, 4, [(1, 64), (8, 64), (1, 64)]),
        (644, 4, [(1, 64), (9, 64), (1, 4)]),
        (1030, 128, [(1, 128), (6, 128), (1, 128), (1, 6)]),
    ],
)
def test_the_inner_blocks_are_one_call(
    length: int,
    half_window: int,
    blocks: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
):
    calls: list[tuple[int, int]] = []
    original = functional.scaled_dot_product_attention

    def counting(query: Tensor, *given: Tensor, **options: object) -> Tensor:
        calls.append((query.shape[0], query.shape[2]))
        return original(query, *given, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", counting)
    rows = Rows.of_lengths([length])
    query, key, value = random(3, length, 1, 8)
    sdpa.attend(query, key, value, Band(rows, rows, half_window))
    assert calls == blocks


def test_a_strip_is_not_copied():
    key = torch.zeros(640, 2, 8)
    strips = sdpa._strips(key, strip=72, step=64)
    assert strips.shape == (9, 2, 72, 8)
    assert strips.data_ptr() == key.data_ptr()
