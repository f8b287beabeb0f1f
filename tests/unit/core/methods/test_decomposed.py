import pytest
import torch

from prefprop_cli.core.attention.kernels import Poly
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Options, create
from prefprop_cli.core.methods.decomposed import KernelDecomposition
from tests.helpers.methods import n_trained

PREFIXES = {
    "prefix-propagation": 73_728,
    "prefix-tuning": 147_456,
    "combined": 73_728 + 147_456,
}


def decomposed(config: EncoderConfig, name: str = "prefix-propagation", **options: object):
    method = create(name, config, Options(**{"kernel": "exp", **options}))
    assert isinstance(method, KernelDecomposition)
    return method


@pytest.mark.parametrize("kernel", ["exp", "poly", "linear"])
@pytest.mark.parametrize("name", PREFIXES)
def test_a_fixed_alpha_trains_the_prefix_alone(base: EncoderConfig, name: str, kernel: str):
    assert n_trained(decomposed(base, name, kernel=kernel)) == PREFIXES[name]


@pytest.mark.parametrize("name", PREFIXES)
def test_what_else_can_train(base: EncoderConfig, name: str):
    n = PREFIXES[name]
    assert n_trained(decomposed(base, name, alpha_trainable=True)) == n + 12
    per_head = {"alpha_trainable": True, "alpha_per_head": True}
    assert n_trained(decomposed(base, name, **per_head)) == n + 12 * 12
    assert n_trained(decomposed(base, name, kernel="rbf")) == n + 12
    assert n_trained(decomposed(base, name, kernel="rbf", **per_head)) == n + 12 + 12 * 12


@pytest.mark.parametrize("name", PREFIXES)
def test_the_prefix_stays_what_it_was(base: EncoderConfig, name: str):
    method = decomposed(base, name, placeholder="zero").eval()
    given, inner = method(2), method.prefix(2)
    assert method.n_placeholders == given.n_placeholders == inner.n_placeholders
    assert given.placeholder == inner.placeholder
    for layer, plain in zip(given.layers, inner.layers, strict=True):
        assert (layer.added is None) == (plain.added is None)
        assert layer.added is None or torch.equal(layer.added, plain.added)
        assert (layer.visible is None) == (plain.visible is None)
        assert layer.visible is None or torch.equal(layer.visible.key, plain.visible.key)
        assert plain.decomposed is None


def test_each_layer_has_its_own_kernel_and_alpha(base: EncoderConfig):
    method = decomposed(base, kernel="rbf", alpha=0.03)
    given = [layer.decomposed for layer in method(2).layers]
    assert [d.kernel for d in given] == list(method.kernels)
    assert len({id(d.kernel) for d in given}) == len({id(d.alpha) for d in given}) == 12
    assert [d.alpha.item() for d in given] == [pytest.approx(0.03)] * 12


def test_an_alpha_for_each_head(base: EncoderConfig):
    method = decomposed(base, alpha_per_head=True, alpha=0.03)
    assert all(torch.equal(alpha, torch.full((12, 1), 0.03)) for alpha in method.alpha)


def test_the_options_reach_the_kernels(base: EncoderConfig):
    rbf = decomposed(base, kernel="rbf", lengthscale=3.0).kernels[0]
    assert rbf.log_lengthscale.exp().item() == pytest.approx(3.0)
    poly = decomposed(base, kernel="poly", degree=4).kernels[0]
    assert isinstance(poly, Poly)
    assert (poly.degree, poly.head_width) == (4, 64)


def test_the_prefix_is_dropped_in_training_only(base: EncoderConfig):
    """The released code computes this dropout and throws it away."""
    method = decomposed(base, dropout=0.3)
    assert (method.train()(2).layers[0].added == 0).any()
    assert (method.eval()(2).layers[0].added != 0).all()


def test_it_leaves_the_backbone_alone(base: EncoderConfig):
    assert not decomposed(base).trains_backbone
