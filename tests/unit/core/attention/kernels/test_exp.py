import math

from prefprop_cli.core.attention.kernels.exp import Exp
from tests.helpers.kernel_case import D, KernelCase


class TestExp(KernelCase):
    def kernel(self) -> Exp:
        return Exp(D)

    def value(self, query: list[float], key: list[float]) -> float:
        return math.exp(sum(q * k for q, k in zip(query, key, strict=True)) / math.sqrt(D))

    def test_trains_nothing(self):
        assert not list(self.kernel().parameters())
