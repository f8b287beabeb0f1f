import math

import pytest

from prefprop_cli.core.attention.kernels.exp import Exp
from prefprop_cli.core.attention.kernels.rbf import Rbf
from tests.helpers.compare import assert_close, random
from tests.helpers.kernel_case import D, KernelCase


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
