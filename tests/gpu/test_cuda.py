"""On a GPU: FlexAttention both ways, the encoder as on the CPU, nothing compiled twice.

Float32 differs from the CPU by the order of the sums alone, since TensorFloat-32 is off unless
somebody switches it on; bfloat16 has 8 bits, and numbers up to 5 are summed: 0.1 is a few units of
their last place, and what tests/equivalence allows on the CPU.
"""

import copy
from collections.abc import Callable, Iterator
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from prefprop_cli.config.schema import Config, MethodTable, ModelTable
from prefprop_cli.core.attention import Band, VisibleKeys, choose, flex, reference
from prefprop_cli.core.attention.absorbed import attend_absorbed
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Layout, pack
from prefprop_cli.core.methods import Method, Options, create
from prefprop_cli.experiment.model import create_classifier
from prefprop_cli.tasks.batch import collate, losses
from tests.helpers import tiny
from tests.helpers.bands import D, H, is_read, make_band, tensors
from tests.helpers.classifier import FORM
from tests.helpers.compare import assert_close, random
from tests.helpers.encode import gradients

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    # Those of the compiler are not ours.
    pytest.mark.filterwarnings("default"),
]
DEVICE = "cuda"
BANDS = [  # each one is compiled, which takes seconds
    ([2, 130, 1, 60], 1, None),
    ([300, 40, 500], 64, None),
    ([700], 256, None),
    ([300, 5, 270], None, [1, 0, 11]),
]


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    torch.manual_seed(0)
    yield
    torch.set_float32_matmul_precision(precision)


def test_flex_is_chosen():
    assert flex.why_not() == ""
    assert choose(device=DEVICE).name == "flex"


def run(
    attend: Callable[..., Tensor], band: Band, visible: VisibleKeys | None, *, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Output and gradients, in float32 on the CPU; the numbers are those of `dtype`."""
    device = DEVICE if attend is flex.attend else "cpu"
    working = dtype if attend is flex.attend else torch.float32

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.detach().to(dtype).to(device, working).requires_grad_()

    leaves = dict(zip(("query", "key", "value"), map(leaf, tensors(band)), strict=True))
    keys = None
    if visible is not None:
        leaves |= {"visible key": leaf(visible.key), "visible value": leaf(visible.value)}
        mask = None if visible.mask is None else visible.mask.to(device)
        keys = VisibleKeys(leaves["visible key"], leaves["visible value"], mask)
    unseen = None if band.unseen is None else band.unseen.to(device)
    there = Band(band.query_rows, band.key_rows, band.half_window, unseen)
    given = (leaves["query"], leaves["key"], leaves["value"])
    output = attend(*given, there, visible=keys)
    assert output.isfinite().all()
    read = is_read(band, visible).to(device)
    loss = (output * random(*output.shape, seed=7).to(device))[read].sum()
    found = torch.autograd.grad(loss, list(leaves.values()))
    named = {"output": output[read], **dict(zip(leaves, found, strict=True))}
    return {name: tensor.detach().float().cpu() for name, tensor in named.items()}


@pytest.mark.parametrize("band", BANDS, ids=str)
def test_flex_is_the_reference_both_ways(band: tuple):
    for visible, unseen in product(["none", "all", "masked"], [False, True]):
        given, keys = make_band(*band, visible=visible, unseen=unseen)
        actual = run(flex.attend, given, keys, dtype=torch.float32)
        expected = run(reference.attend, given, keys, dtype=torch.float32)
        for name, tensor in actual.items():
            what = f"{name}, visible {visible}, unseen {unseen}"
            assert_close(tensor, expected[name], within=2e-5, relative=True, what=what)


@pytest.mark.parametrize("band", BANDS[1:3], ids=str)
def test_flex_in_bf16_is_the_reference_up_to_its_precision(band: tuple):
    given, keys = make_band(*band, visible="masked", unseen=True)
    actual = run(flex.attend, given, keys, dtype=torch.bfloat16)
    expected = run(reference.attend, given, keys, dtype=torch.bfloat16)
    for name, tensor in actual.items():
        assert_close(tensor, expected[name], within=0.1, relative=True, what=name)


def test_queries_that_see_nothing_and_padding_put_no_nan_into_the_gradients():
    given, _ = make_band([130, 5], 4, None)
    unseen = torch.ones(135, dtype=torch.bool, device=DEVICE)
    band = Band(given.query_rows, given.key_rows, 4, unseen)
    leaves = [tensor.to(DEVICE).requires_grad_() for tensor in tensors(given)]
    output = flex.attend(*leaves, band)
    (0 * output).sum().backward()
    assert output.isfinite().all()
    assert all(leaf.grad.eq(0).all() for leaf in leaves)


def test_absorbed_projections_are_those_of_the_cpu():
    given, keys = make_band([300, 5, 270], None, [1, 0, 11], visible="masked", unseen=True)
    assert keys is not None
    hidden, query = random(575, 24, seed=1), random(12, H, D, seed=2)
    projections = nn.Linear(24, H * D), nn.Linear(24, H * D)
    expected = attend_absorbed(query, hidden, *projections, given, visible=keys)
    there = Band(given.query_rows, given.key_rows, None, given.unseen.to(DEVICE))
    moved = VisibleKeys(keys.key.to(DEVICE), keys.value.to(DEVICE), keys.mask.to(DEVICE))
    on_gpu = (projection.to(DEVICE) for projection in projections)
    actual = attend_absorbed(query.to(DEVICE), hidden.to(DEVICE), *on_gpu, there, visible=moved)
    assert_close(actual.cpu(), expected, within=1e-5)


METHODS = [
    ("prefix-propagation", "none"),
    ("prefix-tuning", "none"),
    ("combined", "none"),
    ("combined", "exp"),
    ("fine-tuning", "none"),
]


def model(name: str, kernel: str, *, model_type: str) -> tuple[Encoder, Method]:
    encoder = tiny.ours(tiny.hugging_face(model_type, windows=(16, 16)))
    options = Options(
        prefix_length=3, tuning_length=2, kernel=kernel, alpha=0.5, alpha_trainable=True
    )
    method = create(name, encoder.config, options).eval()
    return encoder.requires_grad_(method.trains_backbone), method


def step(
    encoder: Encoder, method: Method, texts: tiny.Batch, *, device: str, read_one: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Output, and gradients of all that trains, on the CPU."""
    both = nn.ModuleDict({"encoder": copy.deepcopy(encoder), "method": copy.deepcopy(method)})
    both.to(device)
    tokens = pack(texts.input_ids.to(device), texts.attention_mask, texts.global_mask)
    layout = Layout.of(tokens, n_placeholders=method.n_placeholders)
    read = layout.one_per_row(0) if read_one else None
    prefix = both["method"](len(tokens.rows))
    output = both["encoder"].encode(tokens, layout, prefix, read=read)
    (output * random(*output.shape).to(device)).sum().backward()
    found = {key: gradient.cpu() for key, gradient in gradients(both).items()}
    return output.detach().cpu(), found


def assert_same(
    actual: tuple[Tensor, dict[str, Tensor]], expected: tuple[Tensor, dict[str, Tensor]]
) -> None:
    assert_close(actual[0], expected[0], within=1e-4, what="hidden states")
    assert actual[1].keys() == expected[1].keys()
    for key, gradient in actual[1].items():
        assert_close(gradient, expected[1][key], within=1e-4, relative=True, what=key)


@pytest.mark.parametrize("read_one", [False, True])
@pytest.mark.parametrize(("name", "kernel"), METHODS)
def test_the_encoder_is_that_of_the_cpu(name: str, kernel: str, read_one: bool):
    encoder, method = model(name, kernel, model_type="longformer")
    texts = tiny.batch([300, 40, 9], [2, 1, 0])
    actual = step(encoder, method, texts, device=DEVICE, read_one=read_one)
    assert_same(actual, step(encoder, method, texts, device="cpu", read_one=read_one))


def test_many_global_tokens_read_the_plain_projections():
    encoder, method = model("prefix-tuning", "none", model_type="longformer")
    texts = tiny.batch([300, 90], [60, 40])
    actual = step(encoder, method, texts, device=DEVICE)
    assert_same(actual, step(encoder, method, texts, device="cpu"))


def test_an_encoder_without_a_window_is_that_of_the_cpu():
    encoder, method = model("prefix-propagation", "none", model_type="roberta")
    texts = tiny.batch([300, 40], [0, 0])
    actual = step(encoder, method, texts, device=DEVICE)
    assert_same(actual, step(encoder, method, texts, device="cpu"))


def test_checkpointing_changes_no_number():
    encoder, method = model("combined", "none", model_type="longformer")
    texts = tiny.batch([300, 40, 9], [2, 1, 0])
    plain = step(encoder, method, texts, device=DEVICE)
    encoder.gradient_checkpointing = True
    assert_same(step(encoder, method, texts, device=DEVICE), plain)


def test_training_in_bf16_keeps_prefix_and_head_in_float32_and_learns():
    encoder = tiny.ours(tiny.hugging_face("longformer", windows=(16, 16)), dropout=0.0)
    table = MethodTable(name="combined", prefix_length=3, tuning_length=2, dropout=0.0)
    config = Config(model=ModelTable(dropout=0.0), method=table)
    classifier = create_classifier(encoder, config, n_labels=2)
    classifier.to(DEVICE).train()
    texts = tiny.batch([200, 90, 50, 20], [0] * 4)
    pairs = zip(texts.input_ids, [0, 1, 0, 1], strict=True)
    records = [{"id": n, "rows": [text], "label": label} for n, (text, label) in enumerate(pairs)]
    batch = collate(FORM, records).to(DEVICE)
    optimizer = torch.optim.AdamW(classifier.trainable.values(), lr=1e-2)
    history = []
    for _ in range(30):
        with torch.autocast(DEVICE, dtype=torch.bfloat16):
            loss = losses(classifier(batch), batch).mean()
        optimizer.zero_grad()
        loss.backward()
        for name, parameter in classifier.trainable.items():
            assert parameter.dtype == torch.float32, name
            assert parameter.grad is not None, name
            assert parameter.grad.dtype == torch.float32, name
            assert parameter.grad.isfinite().all(), name
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0], history


def compiled() -> int:
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


def test_batches_of_one_shape_are_compiled_once():
    encoder, method = model("prefix-propagation", "none", model_type="longformer")
    torch._dynamo.reset()
    step(encoder, method, tiny.batch([300, 40, 30], [2, 1, 0]), device=DEVICE)
    first = compiled()
    for lengths, n_globals in ([[200, 170], [1, 1]], [[320, 10, 20], [2, 2, 0]], [[375], [3]]):
        step(encoder, method, tiny.batch(lengths, n_globals), device=DEVICE)
    assert compiled() == first
    step(encoder, method, tiny.batch([395, 390], [1, 1]), device=DEVICE)
    assert compiled() > first, "the count does not see a new shape"


def test_the_forward_pass_does_not_wait_for_the_device():
    encoder, method = model("prefix-propagation", "none", model_type="longformer")
    encoder, method = encoder.to(DEVICE), method.to(DEVICE)
    texts = tiny.batch([300, 40, 9], [1, 1, 1])
    on_cpu = pack(texts.input_ids, texts.attention_mask, texts.global_mask)

    def forward() -> None:
        tokens = on_cpu.to(DEVICE)
        layout = Layout.of(tokens, n_placeholders=method.n_placeholders)
        with torch.no_grad():
            encoder.encode(tokens, layout, method(3), read=layout.one_per_row(0))

    forward()  # compiling may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        forward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
