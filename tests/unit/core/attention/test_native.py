"""What the kernel computes and keeps; that it is the definition is in tests/equivalence."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from prefprop_cli.core.attention import Band, Rows, VisibleKeys, native, reference
from tests.helpers.compare import assert_close, random

pytestmark = pytest.mark.skipif(bool(native.why_not()), reason=native.why_not())

H, V = 3, 5


def projected(lengths: list[int], head_width: int) -> Tensor:
    """(T, 3, H, D), as a fused projection gives them."""
    return random(sum(lengths), 3, H, head_width, seed=1)


def band_of(lengths: list[int], half_window: int) -> Band:
    rows = Rows.of_lengths(lengths)
    return Band(rows, rows, half_window, unseen=random(rows.n_tokens, seed=2) > 1)


def visible_of(lengths: list[int], head_width: int) -> VisibleKeys:
    return VisibleKeys(*random(2, len(lengths), V, H, head_width, seed=3))


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("head_width", [1, 16, 20, 32, 64, 80])
@pytest.mark.parametrize("half_window", [3, 40, 300])
def test_head_widths(head_width: int, half_window: int):
    """Those that fill whole tiles and those that do not."""
    lengths = [130, 1, 700, 47]
    results = []
    for attend in (native.attend, reference.attend):
        tokens = projected(lengths, head_width).requires_grad_()
        visible = visible_of(lengths, head_width)
        visible.key.requires_grad_()
        band = band_of(lengths, half_window)
        output = attend(*tokens.unbind(1), band, visible=visible)
        gradients = torch.autograd.grad(output.sin().sum(), (tokens, visible.key))
        results.append((output, *gradients))
    for actual, expected in zip(*results, strict=True):
        assert_close(actual, expected, within=1e-5, relative=True)


def test_a_row_is_bitwise_the_same_whatever_stands_beside_it():
    tokens = projected([90, 300, 20], 32)
    alone = tokens[90:390]
    together = native.attend(*tokens.unbind(1), Band(*[Rows.of_lengths([90, 300, 20])] * 2, 64))
    by_itself = native.attend(*alone.unbind(1), Band(*[Rows.of_lengths([300])] * 2, 64))
    assert together[90:390].equal(by_itself)


@pytest.mark.usefixtures("one_thread")
def test_the_number_of_threads_changes_no_bit():
    results = []
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        tokens = projected([500, 77], 32).requires_grad_()
        output = native.attend(*tokens.unbind(1), band_of([500, 77], 64))
        results.append((output, *torch.autograd.grad(output.sin().sum(), tokens)))
    assert all(one.equal(other) for one, other in zip(*results, strict=True))


def test_scores_that_overflow_without_their_largest():
    """e^score alone would be infinite or 0."""
    for size in (200.0, -200.0):
        query = torch.full((40, H, 8), abs(size))
        key = torch.full((40, H, 8), size)
        value = random(40, H, 8)
        rows = Rows.of_lengths([40])
        output = native.attend(query, key, value, Band(rows, rows, 100))
        assert_close(output, value.mean(dim=0).expand_as(output), within=1e-5)


def test_the_gradients_of_the_tokens_lie_in_one_piece():
    parts = [part.clone().requires_grad_() for part in projected([50], 8).unbind(1)]
    output = native.attend(*parts, band_of([50], 4))
    gradients = torch.autograd.grad(output.sum(), parts)
    assert len({gradient.untyped_storage().data_ptr() for gradient in gradients}) == 1


def test_only_what_wants_a_gradient_is_computed(monkeypatch: pytest.MonkeyPatch):
    """The visible keys get the same gradient when the tokens want none."""
    lengths = [300, 20]
    band, shapes = band_of(lengths, 16), []
    original = native._run
    monkeypatch.setattr(
        native, "_run", lambda *given: (shapes.append(given[2].get("grad_query")), original(*given))
    )
    results = []
    for of_tokens in (True, False):
        visible = visible_of(lengths, 32)
        leaves = visible.key.requires_grad_(), visible.value.requires_grad_()
        tokens = projected(lengths, 32).requires_grad_(of_tokens)
        output = native.attend(*tokens.unbind(1), band, visible=visible)
        results.append(torch.autograd.grad(output.sin().sum(), leaves))
    assert [shape is None for shape in shapes] == [True, False, True, True]
    for actual, expected in zip(*results, strict=True):
        assert_close(actual, expected, within=1e-6)


def test_a_kernel_that_gives_wrong_numbers_is_not_used(monkeypatch: pytest.MonkeyPatch):
    original = native._run

    def wrong(kernel: object, band: Band, tensors: dict[str, Tensor]) -> None:
        original(kernel, band, tensors)
        tensors["output"][3] += 0.01

    monkeypatch.setattr(native, "_run", wrong)
    assert native.why_not.__wrapped__() == "the compiled kernel gives wrong numbers"


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch):
    class Library:
        @staticmethod
        def band_forward(call: object) -> int:
            return 1

    monkeypatch.setattr(native.native, "load", Library)
    with pytest.raises(MemoryError, match="attention of one head"):
        native.attend(*projected([9], 8).unbind(1), band_of([9], 2))
