"""How the blocks are cut; that they add up to the definition is in tests/equivalence."""

import pytest
from torch import Tensor
from torch.nn import functional

from prefprop_cli.core.attention import Band, Rows, sdpa
from tests.helpers.compare import random


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Tensor, Tensor]]:
    """The queries (N, H, c, D) and keys (N, H, strip, D) of each call of PyTorch's function."""
    seen: list[tuple[Tensor, Tensor]] = []
    original = functional.scaled_dot_product_attention

    def keep(query: Tensor, key: Tensor, value: Tensor, **options: object) -> Tensor:
        seen.append((query, key))
        return original(query, key, value, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", keep)
    return seen


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
def test_the_inner_blocks_are_one_call_on_strips_that_are_not_copied(
    length: int,
    half_window: int,
    blocks: list[tuple[int, int]],
    calls: list[tuple[Tensor, Tensor]],
):
    rows = Rows.of_lengths([length])
    query, key, value = random(3, length, 1, 8)
    sdpa.attend(query, key, value, Band(rows, rows, half_window))
    assert [(len(part), part.shape[2]) for part, _ in calls] == blocks
    for _, strips in calls:
        assert strips.untyped_storage().data_ptr() == key.untyped_storage().data_ptr()
