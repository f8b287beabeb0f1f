import pytest
import torch

from prefprop_cli.core.attention import Band, Rows, VisibleKeys
from tests.helpers.compare import random


def test_rows_say_where_each_one_lies():
    rows = Rows.of_lengths([3, 0, 2])
    assert rows == Rows((0, 3, 3, 5))
    assert rows.lengths == (3, 0, 2)
    assert rows.n_tokens == 5
    assert len(rows) == 3
    assert [list(range(5))[row] for row in rows] == [[0, 1, 2], [], [3, 4]]


def test_a_window_needs_the_queries_and_keys_of_the_same_tokens():
    with pytest.raises(ValueError, match="queries and keys of the same tokens"):
        Band(Rows.of_lengths([1]), Rows.of_lengths([3]), half_window=2)
    assert Band(Rows.of_lengths([1]), Rows.of_lengths([3])).half_window is None


def test_queries_and_keys_come_in_as_many_rows():
    with pytest.raises(ValueError, match="1 query rows, 2 key rows"):
        Band(Rows.of_lengths([1]), Rows.of_lengths([3, 3]))


def keys(n: int, *, mask: torch.Tensor | None = None) -> VisibleKeys:
    return VisibleKeys(random(2, n, 1, 4, seed=n), random(2, n, 1, 4, seed=n + 1), mask)


def test_visible_keys_side_by_side():
    first, second = keys(2), keys(3)
    both = first.and_also(second)
    assert torch.equal(both.key, torch.cat([first.key, second.key], dim=1))
    assert torch.equal(both.value, torch.cat([first.value, second.value], dim=1))
    assert both.mask is None
    assert first.and_also(None) is first


@pytest.mark.parametrize("masked", ["first", "second"])
def test_a_mask_on_one_side_is_written_out_for_the_other(masked: str):
    mask = torch.tensor([[True, False], [False, True]])
    first = keys(2, mask=mask if masked == "first" else None)
    second = keys(2, mask=mask if masked == "second" else None)
    both = first.and_also(second).mask
    ones = torch.ones_like(mask)
    halves = (mask, ones) if masked == "first" else (ones, mask)
    assert both is not None
    assert torch.equal(both, torch.cat(halves, dim=1))


def test_without_a_mask_all_keys_are_there():
    assert torch.equal(keys(3).full_mask(), torch.ones(2, 3, dtype=torch.bool))
