import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from prefprop_cli.core.encoder import dropout
from prefprop_cli.core.encoder.dropout import Dropout, kept

needs_kernel = pytest.mark.skipif(bool(dropout._why_not()), reason="no C compiler here")
SHAPES = [(1,), (3,), (4, 5), (1023,), (1025,), (70, 1000)]


def mask_of_next(shape: tuple[int, ...], p: float) -> Tensor:
    """What the next dropout keeps; the generator is left as it was."""
    state = torch.get_rng_state()
    seed = int(torch.randint(2**63 - 1, ()))
    torch.set_rng_state(state)
    return torch.from_numpy(kept(seed, int(np.prod(shape)), p)).reshape(shape)


@needs_kernel
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.97])
def test_the_kernel_is_its_definition_forward_and_backward(
    shape: tuple[int, ...], p: float
) -> None:
    x, onto = (torch.randn(shape, requires_grad=True) for _ in range(2))
    share = round(p * 2**16) / 2**16
    mask = mask_of_next(shape, p) / (1 - share)
    found, grad = Dropout(p)(x, onto=onto), torch.randn(shape)
    found.backward(grad)
    assert torch.allclose(found, onto + x * mask, rtol=1e-6, atol=1e-6)
    assert torch.allclose(x.grad, grad * mask, rtol=1e-6, atol=1e-6)
    assert torch.equal(onto.grad, grad)


@needs_kernel
def test_without_a_stream_to_add_to() -> None:
    x = torch.randn(50, 8, requires_grad=True)
    mask = mask_of_next((50, 8), 0.25) / 0.75
    found = Dropout(0.25)(x)
    found.sum().backward()
    assert torch.allclose(found, x * mask)
    assert torch.allclose(x.grad, mask)


@needs_kernel
def test_what_is_not_contiguous_is_dropped_by_its_own_order() -> None:
    x, onto = torch.randn(30, 20).T, torch.randn(40, 30)[::2]
    mask = mask_of_next((20, 30), 0.5) * 2
    assert torch.allclose(Dropout(0.5)(x, onto=onto), onto + x * mask)


@needs_kernel
def test_the_right_share_is_dropped_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    found = Dropout(0.1)(torch.ones(1000, 1000))
    assert (found == 0).float().mean().item() == pytest.approx(0.1, abs=1e-3)
    assert found.mean().item() == pytest.approx(1, abs=1e-3)
    of_rows = (found == 0).float().mean(dim=1)
    assert of_rows.std().item() == pytest.approx((0.1 * 0.9 / 1000) ** 0.5, rel=0.1)


@needs_kernel
def test_masks_differ_and_come_back_with_the_generator() -> None:
    x = torch.ones(100, 10)
    torch.manual_seed(1)
    first, second = Dropout(0.5)(x), Dropout(0.5)(x)
    torch.manual_seed(1)
    assert torch.equal(Dropout(0.5)(x), first)
    assert not torch.equal(first, second)


@needs_kernel
def test_the_number_of_threads_does_not_matter() -> None:
    x, n_threads = torch.randn(300, 400), torch.get_num_threads()
    found = []
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        torch.manual_seed(0)
        found.append(Dropout(0.3)(x))
    torch.set_num_threads(n_threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_nothing_is_dropped_in_evaluation_or_with_probability_0() -> None:
    x, onto = torch.randn(5, 4), torch.randn(5, 4)
    assert torch.equal(Dropout(0.5).eval()(x, onto=onto), onto + x)
    assert torch.equal(Dropout(0.0)(x, onto=onto), onto + x)
    assert Dropout(0.5).eval()(x) is x


@needs_kernel
def test_a_kernel_that_gives_wrong_numbers_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    original = dropout._run
    monkeypatch.setattr(dropout, "_run", lambda *given, **named: original(*given, **named) + 1)
    assert dropout._why_not.__wrapped__() == "the compiled kernel gives wrong numbers"


@pytest.mark.parametrize("why", ["no kernel", "bfloat16"])
def test_pytorchs_own_takes_the_rest(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if why == "no kernel":
        monkeypatch.setattr(dropout, "_why_not", lambda: "no compiler")
    dtype = torch.bfloat16 if why == "bfloat16" else torch.float32
    x, onto = torch.randn(2, 40, 8, dtype=dtype)
    torch.manual_seed(0)
    expected = onto + functional.dropout(x, 0.4)
    torch.manual_seed(0)
    assert torch.equal(Dropout(0.4)(x, onto=onto), expected)
