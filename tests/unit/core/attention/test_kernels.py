"""Each kernel is stated in scalars, and compared with a brute-force double loop over them."""

import math
from abc import ABC, abstractmethod

import pytest
import torch

from prefprop_cli.core.attention.kernels import Exp, Kernel, Linear, Poly, Rbf
from prefprop_cli.tables import KERNELS
from tests.helpers.compare import assert_close, random

S, P, H, D = 5, 4, 2, 6


class KernelCase(ABC):
    """What every kernel must do; the double loop over `value` is the definition."""

    @abstractmethod
    def kernel(self) -> Kernel:
        """The kernel for head width D."""

    @abstractmethod
    def value(self, query: list[float], key: list[float]) -> float:
        """k(q, k) of two vectors, in plain Python."""

    def test_weights_are_the_kernel_values_by_a_double_loop(self):
        query, key = random(S, H, D, seed=1), random(P, H, D, seed=2)
        expected = torch.tensor(
            [
                [
                    [self.value(query[i, h].tolist(), key[j, h].tolist()) for j in range(P)]
                    for i in range(S)
                ]
                for h in range(H)
            ]
        )
        expected /= expected.sum(dim=-1, keepdim=True)
        assert_close(self.kernel().weights(query, key), expected, within=1e-6)

    def test_weights_are_a_mean_also_of_large_numbers(self):
        query, key = random(50, H, D, seed=1, std=20), random(P, H, D, seed=2, std=20)
        weights = self.kernel().weights(query, key)
        assert weights.shape == (H, 50, P)
        assert weights.min() >= 0
        assert_close(weights.sum(-1), torch.ones(H, 50), within=1e-5)

    def test_forward_mixes_the_values(self):
        query, key, value = random(S, H, D, seed=1), *random(2, P, H, D, seed=2)
        kernel = self.kernel()
        expected = torch.einsum("hsp,phd->shd", kernel.weights(query, key), value)
        assert_close(kernel(query, key, value), expected, within=1e-6)

    def test_one_key_gives_its_value(self):
        query, key, value = random(S, H, D, seed=1), *random(2, 1, H, D, seed=2)
        assert_close(self.kernel()(query, key, value), value.expand(S, H, D), within=1e-6)

    def test_gradients_are_those_of_small_differences(self):
        kernel = self.kernel().double()
        leaves = [random(S, H, D, seed=1), *random(2, P, H, D, seed=2)]
        leaves = [leaf.double().requires_grad_() for leaf in leaves]
        parameters = list(kernel.parameters())

        def output(*given: torch.Tensor) -> torch.Tensor:
            return kernel(*given[:3])

        assert torch.autograd.gradcheck(output, (*leaves, *parameters))

    def test_dropout_drops_weights_and_keeps_the_mean(self):
        query, key = random(1, H, D, seed=1).expand(4000, H, D), random(P, H, D, seed=2)
        one_hot = torch.eye(P).unsqueeze(1).expand(P, H, P)  # the output is the weights
        torch.manual_seed(0)
        weights = self.kernel()(query, key, one_hot, 0.3)
        assert abs((weights == 0).float().mean() - 0.3) < 0.02
        exact = self.kernel()(query, key, one_hot)
        assert_close(weights.mean(dim=0), exact.mean(dim=0), within=0.05)


class TestExp(KernelCase):
    def kernel(self) -> Exp:
        return Exp(D)

    def value(self, query: list[float], key: list[float]) -> float:
        return math.exp(sum(q * k for q, k in zip(query, key, strict=True)) / math.sqrt(D))

    def test_trains_nothing(self):
        assert not list(self.kernel().parameters())


def feature(x: float) -> float:
    return x + 1 if x > 0 else math.exp(x)


class TestLinear(KernelCase):
    def kernel(self) -> Linear:
        return Linear(D)

    def value(self, query: list[float], key: list[float]) -> float:
        return sum(feature(q) * feature(k) for q, k in zip(query, key, strict=True))

    def test_trains_nothing(self):
        assert not list(self.kernel().parameters())


class TestPoly(KernelCase):
    DEGREE = 2

    def kernel(self) -> Poly:
        return Poly(D, degree=self.DEGREE)

    def value(self, query: list[float], key: list[float]) -> float:
        product = sum(q * k for q, k in zip(query, key, strict=True))
        return (product / math.sqrt(D) + 1) ** self.DEGREE

    def test_trains_nothing(self):
        assert not list(self.kernel().parameters())

    def test_a_query_with_weight_for_no_key_gives_zeros_and_not_nan(self):
        query, key = torch.ones(1, 1, 4), torch.full((2, 1, 4), -0.5).requires_grad_()
        weights = Poly(4, degree=self.DEGREE).weights(query, key)
        assert weights.eq(0).all()
        weights.sum().backward()
        assert key.grad.isfinite().all()


class TestPolyOfDegree4(TestPoly):
    DEGREE = 4


@pytest.mark.parametrize("degree", [1, 3])
def test_an_odd_degree_is_refused(degree: int):
    with pytest.raises(ValueError, match=f"degree = {degree} is odd.*Use {degree + 1}"):
        Poly(D, degree=degree)


class TestRbf(KernelCase):
    LENGTHSCALE = 1.7

    def kernel(self) -> Rbf:
        return Rbf(D, lengthscale=self.LENGTHSCALE)

    def value(self, query: list[float], key: list[float]) -> float:
        squared = sum((q - k) ** 2 for q, k in zip(query, key, strict=True))
        return math.exp(-squared / (2 * self.LENGTHSCALE**2))

    def test_trains_its_length_scale(self):
        assert [parameter.numel() for parameter in self.kernel().parameters()] == [1]

    def test_by_default_it_is_exp_for_keys_of_one_length(self):
        query, key = random(5, 2, D, seed=1), random(4, 2, D, seed=2)
        key = key / key.norm(dim=-1, keepdim=True)
        assert_close(Rbf(D).weights(query, key), Exp(D).weights(query, key), within=1e-6)
        assert Rbf(16).log_lengthscale.exp().item() == pytest.approx(2.0)


def test_each_name_makes_a_kernel_for_a_head_width():
    assert list(KERNELS) == ["exp", "rbf", "poly", "linear"]
    for name, make in KERNELS.items():
        kernel = make(32)
        assert isinstance(kernel, Kernel)
        assert kernel.head_width == 32
        assert type(kernel).__name__.lower() == name
