import torch

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Options, create
from prefprop_cli.core.methods.combined import Combined
from tests.helpers.methods import n_trained


def combined(config: EncoderConfig, **options: object) -> Combined:
    method = create("combined", config, Options(**options))
    assert isinstance(method, Combined)
    return method


def test_trainable_parameters_are_the_sum(base: EncoderConfig):
    assert n_trained(combined(base)) == 73_728 + 147_456
    assert n_trained(combined(base, prefix_length=32, tuning_length=8)) == 294_912 + 147_456
    assert n_trained(combined(base, prefix_length=8, tuning_length=32)) == 73_728 + 589_824


def test_each_layer_gets_both_each_of_its_own_length(base: EncoderConfig):
    method = combined(base, prefix_length=3, tuning_length=5, placeholder="zero").eval()
    given = method(2)
    assert given.n_placeholders == method.n_placeholders == 3
    assert given.placeholder == "zero"
    halves = method.propagation(2).layers, method.tuning(2).layers
    for layer, propagated, tuned in zip(given.layers, *halves, strict=True):
        assert torch.equal(layer.added, propagated.added)
        assert torch.equal(layer.visible.key, tuned.visible.key)
        assert torch.equal(layer.visible.value, tuned.visible.value)
        assert layer.visible.key.shape == (2, 5, 12, 64)


def test_both_are_dropped_in_training_only(base: EncoderConfig):
    layer = combined(base, dropout=0.3).train()(2).layers[0]
    assert (layer.added == 0).any()
    assert (layer.visible.key == 0).any()
    layer = combined(base, dropout=0.3).eval()(2).layers[0]
    assert (layer.added != 0).all()
    assert (layer.visible.key != 0).all()


def test_it_leaves_the_backbone_alone(base: EncoderConfig):
    assert not combined(base).trains_backbone
