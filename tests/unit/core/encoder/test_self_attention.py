"""Which of its parts drop and which project; what they compute is in tests/equivalence."""

import pytest
import torch
from torch import Tensor

from prefprop_cli.core.attention import reference
from prefprop_cli.core.encoder.layout import Layout, pack
from prefprop_cli.core.encoder.prefix import Decomposed, LayerPrefix
from prefprop_cli.core.encoder.self_attention import Context, SelfAttention
from tests.helpers import tiny
from tests.helpers.compare import max_difference, random

W, H = 32, 4
MOST_ABSORBED = 2 * W // H


class Spy:
    """The kernel and the backend; remembers with which dropout each was called."""

    def __init__(self) -> None:
        self.of_kernel: list[float] = []
        self.of_backend: list[float] = []

    def kernel(self, query: Tensor, key: Tensor, value: Tensor, dropout: float) -> Tensor:
        self.of_kernel.append(dropout)
        return torch.zeros_like(query)

    def attend(self, *given: object, dropout: float, **options: object) -> Tensor:
        self.of_backend.append(dropout)
        return reference.attend(*given, dropout=dropout, **options)


def attention(model_type: str = "longformer") -> SelfAttention:
    layer = tiny.ours(tiny.hugging_face(model_type, n_heads=H)).layers[0]
    assert isinstance(layer.attention, SelfAttention)
    return layer.attention


def context(spy: Spy, n_globals: int, *, decomposed: bool = False) -> Context:
    texts = tiny.batch([40], [n_globals])
    layout = Layout.of(pack(texts.input_ids, None, texts.global_mask), n_placeholders=0)
    prefix = LayerPrefix(
        decomposed=Decomposed(spy.kernel, torch.tensor(1.0)) if decomposed else None
    )
    return Context(layout, prefix, spy.attend, 0.3)


@pytest.mark.parametrize("model_type", ["longformer", "bert"])
def test_the_backend_drops(model_type: str):
    spy = Spy()
    attention(model_type)(random(40, W), context(spy, 0))
    assert spy.of_backend == [0.3]


def test_global_queries_drop_when_absorbed():
    spy, layer = Spy(), attention()
    given = context(spy, 1)
    outputs = [layer(random(40, W), given, given.layout.globals) for _ in range(2)]
    assert spy.of_backend == []
    assert max_difference(*outputs) > 0.1


def test_global_queries_drop_when_projected():
    spy, layer = Spy(), attention()
    given = context(spy, MOST_ABSORBED + 1)
    layer(random(40, W), given, given.layout.globals)
    assert spy.of_backend == [0.3]


@pytest.mark.parametrize("n_globals", [1, MOST_ABSORBED + 1])
def test_the_prefix_term_drops_for_local_and_for_global_queries(n_globals: int):
    spy = Spy()
    attention()(random(40, W), context(spy, n_globals, decomposed=True))
    assert spy.of_kernel == [0.3, 0.3]


@pytest.mark.parametrize(
    ("n_globals", "projected"), [(1, []), (MOST_ABSORBED, []), (MOST_ABSORBED + 1, [40, 40])]
)
def test_few_global_queries_project_no_text(n_globals: int, projected: list[int]):
    layer = attention()
    rows: list[int] = []
    for projection in (layer.key_global, layer.value_global):
        projection.register_forward_hook(lambda module, given, output: rows.append(len(output)))
    layer(random(40, W), context(Spy(), n_globals))
    assert rows == projected
