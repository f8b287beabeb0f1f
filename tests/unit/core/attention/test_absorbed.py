"""All rows at once, as on a GPU, are the rows one by one; tests/equivalence has the definition."""

import pytest
import torch
from torch import Tensor, nn

from prefprop_cli.core.attention import Band, Rows, VisibleKeys
from prefprop_cli.core.attention.absorbed import all_rows_at_once, attend_absorbed
from tests.helpers.compare import assert_close, random

H, D, W, V = 2, 4, 6, 3


@pytest.mark.parametrize("visible", ["none", "all", "masked"])
@pytest.mark.parametrize("is_unseen", [False, True])
@pytest.mark.parametrize(
    ("n_queries", "lengths"),
    [([1, 1, 1], [7, 7, 7]), ([1, 1, 1], [4, 9, 1]), ([0, 3, 1], [5, 5, 2]), ([2], [8])],
    ids=str,
)
def test_all_rows_at_once_are_the_rows_one_by_one(
    n_queries: list[int], lengths: list[int], is_unseen: bool, visible: str
):
    query_rows, rows = Rows.of_lengths(n_queries), Rows.of_lengths(lengths)
    unseen = torch.arange(rows.n_tokens) % 4 == 2 if is_unseen else None
    mask = random(len(rows), V, seed=6) > 0 if visible == "masked" else None
    torch.manual_seed(0)
    key_projection, value_projection = nn.Linear(W, H * D), nn.Linear(W, H * D)
    leaves = {
        "query": random(query_rows.n_tokens, H, D, seed=1),
        "hidden": random(rows.n_tokens, W, seed=2),
        "visible key": random(len(rows), V, H, D, seed=3),
        "visible value": random(len(rows), V, H, D, seed=4),
    }
    for leaf in leaves.values():
        leaf.requires_grad_()
    keys = VisibleKeys(leaves["visible key"], leaves["visible value"], mask)
    for name, projection in (("key", key_projection), ("value", value_projection)):
        leaves |= {f"{name} {kind}": leaf for kind, leaf in projection.named_parameters()}

    def run(at_once: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
        band = Band(query_rows, rows, unseen=unseen)
        given = (leaves["query"], leaves["hidden"], key_projection, value_projection, band)
        seen = None if visible == "none" else keys
        output = (
            all_rows_at_once(*given, seen, 0.0)
            if at_once
            else attend_absorbed(*given, visible=seen)
        )
        loss = (output * random(*output.shape, seed=7)).sum()
        gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        return output.detach(), gradients

    output, gradients = run(at_once=True)
    expected, expected_gradients = run(at_once=False)
    assert_close(output, expected, within=2e-6, what="output")
    for name, gradient, other in zip(leaves, gradients, expected_gradients, strict=True):
        assert_close(gradient, other, within=5e-6, relative=True, what=f"d {name}")


def test_places_in_the_padded_rows_are_worked_out_once():
    rows = Rows.of_lengths([3, 5])
    band = Band(Rows.of_lengths([1, 1]), rows)
    project = nn.Linear(W, H * D)
    found = []
    for _ in range(2):
        all_rows_at_once(random(2, H, D), random(8, W), project, project, band, None, 0.0)
        found.append(band.derived["absorbed, cpu"])
    assert found[0] is found[1]
