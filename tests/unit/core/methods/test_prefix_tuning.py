import pytest
import torch

from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Options, create
from prefprop_cli.core.methods.prefix_tuning import PrefixTuning
from tests.helpers.methods import assert_fresh_mask_for_each_row, n_trained


def tuning(config: EncoderConfig, **options: object) -> PrefixTuning:
    method = create("prefix-tuning", config, Options(**options))
    assert isinstance(method, PrefixTuning)
    return method


@pytest.mark.parametrize(("prefix_length", "count"), [(8, 147_456), (32, 589_824)])
def test_trainable_parameters_of_longformer_base(
    base: EncoderConfig, prefix_length: int, count: int
):
    """2 · L · P · W, twice as many as prefix-propagation."""
    assert n_trained(tuning(base, prefix_length=prefix_length)) == count


def test_each_layer_and_row_gets_keys_and_values_and_no_positions(base: EncoderConfig):
    method = tuning(base, prefix_length=3).eval()
    given = method(4)
    assert given.n_placeholders == method.n_placeholders == 0
    for layer, key, value in zip(given.layers, method.key, method.value, strict=True):
        assert layer.visible is not None
        assert torch.equal(layer.visible.key, key.expand(4, 3, 12, 64))
        assert torch.equal(layer.visible.value, value.expand(4, 3, 12, 64))
        assert layer.visible.mask is None
        assert layer.added is None
        assert layer.decomposed is None


def test_initial_values(base: EncoderConfig):
    values = torch.cat([p.detach().flatten() for p in tuning(base, init_std=0.05).parameters()])
    assert values.std().item() == pytest.approx(0.05, rel=0.02)
    assert abs(values.mean()) < 1e-3


def test_dropout_is_drawn_anew_for_each_row_layer_and_for_keys_and_values(base: EncoderConfig):
    method = tuning(base, dropout=0.3).train()
    given = [layer.visible for layer in method(5).layers]
    for visible, key, value in zip(given, method.key, method.value, strict=True):
        assert visible is not None
        assert_fresh_mask_for_each_row(visible.key, key, dropout=0.3)
        assert_fresh_mask_for_each_row(visible.value, value, dropout=0.3)
        assert not torch.equal(visible.key == 0, visible.value == 0)
    assert given[0] is not None
    assert given[1] is not None
    assert not torch.equal(given[0].key == 0, given[1].key == 0)


def test_it_leaves_the_backbone_alone(base: EncoderConfig):
    assert not tuning(base).trains_backbone
