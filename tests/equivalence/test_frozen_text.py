"""In the first layer of a frozen backbone only the prefix wants a gradient; it is the same one."""

import pytest
import torch
from torch import Tensor, nn

from prefprop_cli.core.methods import Options, create
from tests.helpers import tiny
from tests.helpers.backends import ON_CPU
from tests.helpers.compare import assert_close, random
from tests.helpers.encode import encode, gradients


def step(
    *, kernel: str, backend: str, frozen: bool
) -> tuple[Tensor, dict[str, Tensor], list[bool]]:
    """Output, gradients of the prefix, and which local projections of layer 1 want a gradient."""
    torch.manual_seed(0)
    encoder = tiny.ours(tiny.hugging_face("longformer"), attention=backend)
    options = Options(prefix_length=3, init_std=1, kernel=kernel)
    method = create("prefix-propagation", encoder.config, options).eval()
    encoder.requires_grad_(not frozen)
    wanted: list[bool] = []

    def note(_: nn.Module, __: tuple[Tensor, ...], projected: Tensor) -> None:
        wanted.append(projected.requires_grad)

    encoder.layers[0].attention.qkv.register_forward_hook(note)
    output = encode(encoder, tiny.batch([40, 13], [1, 4]), method)
    (output * random(*output.shape)).sum().backward()
    return output.detach(), gradients(method), wanted


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize(
    ("kernel", "wanted"),
    [
        ("none", [False, True]),  # the text, and the few global tokens
        ("exp", [True]),  # the decomposed form reads more of them, and takes the plain way
    ],
)
def test_the_gradient_of_the_prefix_is_the_same(kernel: str, wanted: list[bool], backend: str):
    output, of_frozen, wants = step(kernel=kernel, backend=backend, frozen=True)
    expected, of_all, all_want = step(kernel=kernel, backend=backend, frozen=False)
    assert wants == wanted
    assert all_want == [True]
    assert_close(output, expected, within=1e-6, what="output")
    for name, gradient in of_frozen.items():
        assert gradient.abs().max() > 0
        assert_close(gradient, of_all[name], within=1e-5, relative=True, what=name)


def test_without_gradients_there_is_one_projection():
    encoder = tiny.ours(tiny.hugging_face("longformer"))
    method = create("prefix-propagation", encoder.config, Options(prefix_length=3)).eval()
    calls: list[int] = []
    encoder.layers[0].attention.qkv.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        encode(encoder, tiny.batch([40], [1]), method)
    assert calls == [1]
