import math

import pytest
import torch

from prefprop_cli.core.attention.kernels.poly import Poly
from tests.helpers.kernel_case import D, KernelCase


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
