"""What every kernel must do; a kernel's test file inherits it and states the kernel in scalars."""

from abc import ABC, abstractmethod

import torch

from prefprop_cli.core.attention.kernels import Kernel
from tests.helpers.compare import assert_close, random

S, P, H, D = 5, 4, 2, 6


class KernelCase(ABC):
    """Inherit it as `TestName`; the double loop over `value` is the definition."""

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
