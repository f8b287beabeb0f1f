from math import inf

import numpy as np
import pytest
import torch

from prefprop_cli.errors import DataError
from prefprop_cli.training import inference
from tests.helpers import parallel_work as work
from tests.helpers.parallel_work import Numbers

SAME = Numbers(values=[50, 10, 40, 20, 30], lengths=[3, 3, 3, 3, 3])
LONG = Numbers(values=[50, 10, 40, 20, 30], lengths=[1, 4, 2, 4, 3])


def expected(examples: Numbers) -> list[list[float]]:
    width = max(examples.lengths)
    return [
        [v + i if i < n else -inf for i in range(width)]
        for v, n in zip(examples.values, examples.lengths, strict=True)
    ]


def test_logits_are_in_the_order_of_the_split():
    logits, told, seen = work.predict(SAME)
    assert logits.dtype == np.float32
    assert logits.tolist() == expected(SAME)
    assert seen == list(SAME.values)
    assert told == [1, 2, 3, 4, 5]


def test_a_gpu_gets_batches_in_the_order_of_the_split(monkeypatch):
    monkeypatch.setattr(inference, "batch_size_on", lambda device, size: size)
    logits, told, seen = work.predict(SAME)
    assert logits.tolist() == expected(SAME)
    assert (told, seen) == ([4, 5], list(SAME.values))


def test_documents_with_fewer_logits_end_in_minus_infinity():
    logits, _, _ = work.predict(LONG)
    assert logits.tolist() == expected(LONG)


def test_a_stop_breaks_it_off():
    assert work.predict(SAME, stop_rank=0) == (None, [], [])


def test_evaluation_mode_and_no_gradients():
    model = torch.nn.Dropout(0.5).train()
    seen: list[tuple[bool, bool]] = []

    def forward(batch: Numbers) -> torch.Tensor:
        seen.append((model.training, torch.is_grad_enabled()))
        return torch.zeros(1, 2)

    model.forward = forward
    inference.predict_logits(model, SAME, batch_size=1, device="cpu")
    assert seen == [(False, False)] * 5


# Two processes


@pytest.mark.parametrize("examples", [SAME, LONG, Numbers(values=[7], lengths=[2])])
def test_ranks_share_a_split_and_all_have_it_whole_and_in_order(ranks, examples):
    answers = ranks(work.predict, examples)
    for logits, _, _ in answers:
        assert logits.tolist() == expected(examples)
    seen = [values for _, _, values in answers]
    assert sorted(seen[0] + seen[1]) == sorted(examples.values)
    assert 0 <= len(seen[0]) - len(seen[1]) <= 1


def test_long_documents_are_shared_out_evenly(ranks):
    """In their order they would be 1 + 2 + 3 tokens against 4 + 4."""
    (_, told, first), (_, nothing, second) = ranks(work.predict, LONG)
    length_of = dict(zip(LONG.values, LONG.lengths, strict=True))
    assert [length_of[value] for value in first] == [4, 3, 1]
    assert [length_of[value] for value in second] == [4, 2]
    assert (told, nothing) == ([2, 4, 5], [])


@pytest.mark.parametrize("rank", [0, 1])
def test_a_stop_of_one_rank_breaks_it_off_on_all(ranks, rank):
    assert [logits for logits, _, _ in ranks(work.predict, SAME, rank)] == [None, None]


@pytest.mark.parametrize("rank", [0, 1])
def test_an_error_of_one_rank_is_the_error_of_all(ranks, rank):
    for (error, _), _, _ in ranks(work.predict, SAME, None, rank):
        assert (type(error), str(error)) == (DataError, "broken document")
