import math

from prefprop_cli.core.attention.kernels.linear import Linear
from tests.helpers.kernel_case import D, KernelCase


def feature(x: float) -> float:
    return x + 1 if x > 0 else math.exp(x)


class TestLinear(KernelCase):
    def kernel(self) -> Linear:
        return Linear(D)

    def value(self, query: list[float], key: list[float]) -> float:
        return sum(feature(q) * feature(k) for q, k in zip(query, key, strict=True))

    def test_trains_nothing(self):
        assert not list(self.kernel().parameters())
