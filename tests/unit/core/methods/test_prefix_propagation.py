import pytest
import torch

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Options, create
from prefprop_cli.core.methods.prefix_propagation import PrefixPropagation
from tests.helpers.methods import assert_fresh_mask_for_each_row, n_trained


def propagation(config: EncoderConfig, **options: object) -> PrefixPropagation:
    method = create("prefix-propagation", config, Options(**options))
    assert isinstance(method, PrefixPropagation)
    return method


@pytest.mark.parametrize(("prefix_length", "count"), [(8, 73_728), (32, 294_912)])
def test_trainable_parameters_of_longformer_base(
    base: EncoderConfig, prefix_length: int, count: int
):
    """L · P · W."""
    assert n_trained(propagation(base, prefix_length=prefix_length)) == count


def test_each_layer_and_row_gets_the_prefix_to_add(base: EncoderConfig):
    method = propagation(base, prefix_length=3, placeholder="zero").eval()
    given = method(4)
    assert given.n_placeholders == method.n_placeholders == 3
    assert given.placeholder == "zero"
    for layer, parameter in zip(given.layers, method.prefix, strict=True):
        assert layer.added is not None
        assert layer.added.shape == (4, 3, 768)
        assert torch.equal(layer.added, parameter.expand(4, 3, 768))
        assert layer.visible is None
        assert layer.decomposed is None


def test_initial_values(base: EncoderConfig):
    values = torch.cat([p.detach().flatten() for p in propagation(base, init_std=0.05).prefix])
    assert values.std().item() == pytest.approx(0.05, rel=0.02)
    assert abs(values.mean()) < 1e-3


def test_dropout_is_drawn_anew_for_each_row_and_layer(base: EncoderConfig):
    method = propagation(base, dropout=0.3).train()
    layers = [layer.added for layer in method(5).layers]
    for added, parameter in zip(layers, method.prefix, strict=True):
        assert_fresh_mask_for_each_row(added, parameter, dropout=0.3)
    assert not torch.equal(layers[0] == 0, layers[1] == 0)
    assert not torch.equal(method(5).layers[0].added, layers[0])


def test_it_leaves_the_backbone_alone(base: EncoderConfig):
    assert not propagation(base).trains_backbone
