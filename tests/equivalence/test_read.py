"""Reading a few positions gives the same rows, forward and backward, as reading them afterwards."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Layout, OutputPositions
from prefprop_cli.core.methods import METHODS, Method, Options, create
from tests.helpers import tiny
from tests.helpers.compare import assert_close, random
from tests.helpers.encode import encode, gradients, lay_out

CASES = [(name, "none") for name in METHODS] + [
    (name, "exp") for name in ("prefix-propagation", "prefix-tuning", "combined")
]
OPTIONS = {"prefix_length": 3, "tuning_length": 2, "init_std": 1.0, "alpha_trainable": True}


def cls(layout: Layout) -> OutputPositions:
    return layout.one_per_row(layout.n_placeholders)


def first(layout: Layout) -> OutputPositions:
    return layout.one_per_row(0)


def local(layout: Layout) -> OutputPositions:
    """A position that is not global."""
    return layout.one_per_row(layout.n_placeholders + 4)


def several(layout: Layout) -> OutputPositions:
    """All global tokens, as many as each row has."""
    return layout.globals


def gradients_of(output: Tensor, both: nn.Module) -> dict[str, Tensor]:
    both.zero_grad()
    (output * random(*output.shape)).sum().backward()
    return {name: gradient.clone() for name, gradient in gradients(both).items()}


def case(
    name: str, kernel: str, *, model_type: str, n_globals: list[int]
) -> tuple[Encoder, Method, tiny.Batch]:
    encoder = tiny.ours(tiny.hugging_face(model_type))
    method = create(name, encoder.config, Options(kernel=kernel, **OPTIONS)).eval()
    texts = tiny.batch([40, 9], n_globals)
    texts.global_mask[:] = torch.arange(40) < torch.tensor(n_globals)[:, None]
    return encoder, method, texts


@pytest.mark.parametrize(
    ("model_type", "n_globals"),
    [("longformer", [1, 1]), ("longformer", [36, 2]), ("roberta", [1, 1])],
    ids=["absorbed", "projected", "full"],
)
@pytest.mark.parametrize("read", [cls, first, local, several])
@pytest.mark.parametrize(("name", "kernel"), CASES)
def test_same_rows(
    name: str,
    kernel: str,
    read: Callable[[Layout], OutputPositions],
    model_type: str,
    n_globals: list[int],
):
    encoder, method, texts = case(name, kernel, model_type=model_type, n_globals=n_globals)
    both = nn.ModuleDict({"encoder": encoder, "method": method})
    whole = encode(encoder, texts, method)
    places = read(lay_out(texts, method)[1]).index
    rows = encode(encoder, texts, method, read=read)
    assert_close(rows, whole[places], within=5e-6, what="rows")
    expected = gradients_of(whole[places], both)
    for key, gradient in gradients_of(rows, both).items():
        assert_close(gradient, expected[key], within=2e-5, relative=True, what=key)


@pytest.mark.parametrize(
    ("model_type", "read", "n_computed"),
    [
        ("longformer", cls, 2),
        ("longformer", several, 5),
        ("longformer", local, 49),
        ("bert", local, 2),
    ],
)
def test_the_last_layer_computes_what_is_read_where_it_can(
    model_type: str, read: Callable[[Layout], OutputPositions], n_computed: int
):
    encoder, method, texts = case("head-only", "none", model_type=model_type, n_globals=[3, 2])
    computed: list[int] = []
    for layer in encoder.layers:
        layer.up.register_forward_hook(lambda module, args, output: computed.append(len(output)))
    encode(encoder, texts, method, read=read)
    assert computed == [49, n_computed]
