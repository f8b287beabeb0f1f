import torch
from torch import nn

from prefprop_cli.core.methods.base import normal_parameters
from prefprop_cli.core.modes import shapes_only


def test_modules_made_for_their_shapes_have_no_content_and_draw_nothing():
    state = torch.get_rng_state()
    with shapes_only():
        found = nn.ModuleList([nn.Embedding(5, 4), nn.Linear(4, 3), nn.LayerNorm(4)])
        drawn = normal_parameters(2, 3, 4, std=0.1)
    shapes = [tuple(parameter.shape) for parameter in found.parameters()]
    assert shapes == [(5, 4), (3, 4), (3,), (4,), (4,)]
    assert all(parameter.is_meta for parameter in (*found.parameters(), *drawn))
    assert torch.equal(torch.get_rng_state(), state)


def test_initial_values_are_drawn_behind_it():
    with shapes_only():
        pass
    assert nn.Embedding(5, 4).weight.std() > 0


def test_a_prefix_is_standard_normal_numbers_times_their_deviation():
    torch.manual_seed(1)
    found = [*normal_parameters(2, 3, 32, std=0.02)]
    torch.manual_seed(1)
    for parameter in found:
        assert torch.equal(parameter, torch.randn(3, 32) * 0.02)
