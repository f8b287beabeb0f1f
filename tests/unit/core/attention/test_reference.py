import math

import pytest
import torch
from torch import Tensor

from prefprop_cli.core.attention import Band, Rows, VisibleKeys, reference
from tests.helpers.compare import assert_close, random

H, D, V = 2, 4, 2


def double_loop(
    query: Tensor, key: Tensor, value: Tensor, band: Band, visible: VisibleKeys | None
) -> Tensor:
    """The definition in plain Python numbers, one query and one head at a time."""
    output = torch.zeros_like(query, dtype=torch.float64)
    for row, (queries, keys) in enumerate(zip(band.query_rows, band.key_rows, strict=True)):
        for i in range(queries.stop - queries.start):
            seen = [
                (key[j], value[j])
                for j in range(keys.start, keys.stop)
                if (band.half_window is None or abs(i - (j - keys.start)) <= band.half_window)
                and (band.unseen is None or not band.unseen[j])
            ]
            if visible is not None:
                seen += [
                    (visible.key[row, v], visible.value[row, v])
                    for v in range(V)
                    if visible.mask is None or visible.mask[row, v]
                ]
            for h in range(H):
                q = query[queries.start + i, h].double()
                weights = [math.exp(q @ k[h].double() / math.sqrt(D)) for k, _ in seen]
                for weight, (_, v) in zip(weights, seen, strict=True):
                    output[queries.start + i, h] += weight / sum(weights) * v[h].double()
    return output


@pytest.mark.parametrize("half_window", [1, 3, None])
@pytest.mark.parametrize("is_unseen", [False, True])
@pytest.mark.parametrize("visible", ["none", "all", "masked"])
def test_it_is_the_double_loop(half_window: int | None, is_unseen: bool, visible: str):
    rows = Rows.of_lengths([7, 1, 4])
    unseen = torch.arange(12) % 5 == 1 if is_unseen else None
    band = Band(rows, rows, half_window, unseen=unseen)
    mask = torch.tensor([[True, False], [True, True], [False, True]])
    keys = None
    if visible != "none":
        keys = VisibleKeys(*random(2, 3, V, H, D), mask if visible == "masked" else None)
    query, key, value = random(3, 12, H, D, seed=1, std=1.5)
    actual = reference.attend(query, key, value, band, visible=keys)
    assert_close(actual, double_loop(query, key, value, band, keys), within=2e-6)


def test_queries_of_their_own():
    band = Band(Rows.of_lengths([2, 0, 1]), Rows.of_lengths([7, 1, 4]))
    query, (key, value) = random(3, H, D), random(2, 12, H, D, seed=1)
    actual = reference.attend(query, key, value, band)
    assert_close(actual, double_loop(query, key, value, band, None), within=2e-6)


def test_the_softmax_is_float32_whatever_the_inputs():
    rows = Rows.of_lengths([40])
    query, key, value = random(3, 40, H, D, std=3).to(torch.bfloat16)
    exact = reference.attend(query.float(), key.float(), value.float(), Band(rows, rows, 8))
    coarse = reference.attend(query, key, value, Band(rows, rows, 8))
    assert torch.equal(coarse, exact.to(torch.bfloat16))


def test_a_number_for_a_query_that_sees_nothing():
    rows = Rows.of_lengths([3])
    query, key, value = random(3, 3, H, D)
    unseen = torch.ones(3, dtype=torch.bool)
    assert reference.attend(query, key, value, Band(rows, rows, 1, unseen)).isfinite().all()
