from math import inf

import numpy as np
import pytest
import torch

from prefprop_cli.data.form import Record, Row
from prefprop_cli.tasks.batch import Examples, losses, pack_rows, pooled

LONG, SHORT = (
    Row([2, 7, 8, 3], n_global=2, positions=(0, 1)),
    Row([2, 3], n_global=1, positions=(0,)),
)


def test_rows_are_packed_one_after_another() -> None:
    batch = pack_rows(["a", "b"], [[LONG, SHORT], [SHORT]], [1, 0])
    assert batch.n_tokens == 8
    assert batch.tokens.rows.lengths == (4, 2, 2)
    assert batch.tokens.input_ids.tolist() == [2, 7, 8, 3, 2, 3, 2, 3]
    assert batch.tokens.is_global.nonzero().flatten().tolist() == [0, 1, 4, 6]
    assert (batch.positions, batch.n_rows) == (((0, 1), (0,), (0,)), (2, 1))


@pytest.mark.parametrize(("size", "lengths"), [(2, [(4, 2), (2,)]), (1, [(4,), (2,), (2,)])])
def test_parts_hold_all_rows_in_order(size: int, lengths: list[tuple[int, ...]]) -> None:
    batch = pack_rows(["a", "b"], [[LONG, SHORT], [SHORT]], [1, 0])
    parts = list(batch.parts(size))
    assert [tokens.rows.lengths for tokens, _ in parts] == lengths
    for whole, name in (
        (batch.tokens.input_ids, "input_ids"),
        (batch.tokens.is_global, "is_global"),
    ):
        assert torch.equal(torch.cat([getattr(tokens, name) for tokens, _ in parts]), whole)
    assert tuple(row for _, positions in parts for row in positions) == batch.positions


LOGITS = torch.tensor([[1.0, 4.0], [3.0, -inf], [5.0, 6.0]])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", [[2.0, -inf], [5.0, 6.0]]),
        ("sum", [[4.0, -inf], [5.0, 6.0]]),
        ("max", [[3.0, 4.0], [5.0, 6.0]]),
    ],
)
def test_logits_of_rows_are_pooled_by_document(how: str, expected: list[list[float]]) -> None:
    assert pooled(LOGITS, [2, 1], how=how).tolist() == expected


def test_documents_of_one_row_keep_their_logits_bit_by_bit() -> None:
    assert pooled(LOGITS, [1, 1, 1], how="mean") is LOGITS


def test_losses_are_the_cross_entropy_of_each_document() -> None:
    batch = pack_rows(["a", "b"], [[SHORT], [SHORT]], [1, 0])
    logits = torch.tensor([[0.0, 1.0, -inf], [2.0, -1.0, 0.5]], dtype=torch.bfloat16)
    expected = [
        -torch.log_softmax(row.float(), 0)[i].item() for row, i in zip(logits, (1, 0), strict=True)
    ]
    found = losses(logits, batch)
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx(expected)


class Columns:
    """The part of a `datasets.Dataset` that is used."""

    ids, words = ["x", "y", "z"], [[2, 3], [2, 7, 3], [2, 8, 9, 3]]

    def __getitem__(self, indices: list[int]) -> dict[str, list[object]]:
        ids, words = ([column[i] for i in indices] for column in (self.ids, self.words))
        return {"id": ids, "words": words, "label": [0] * len(indices)}


class Words:
    """The part of a form that is used."""

    def rows(self, record: Record) -> list[Row]:
        return [Row(record["words"], n_global=1, positions=(0,))]

    def shuffled(self, record: Record, random: np.random.RandomState) -> Record:
        return {**record, "words": list(random.permutation(100)[:4])}


def test_a_split_loads_what_is_asked_for_in_that_order() -> None:
    examples = Examples(Columns(), [2, 3, 4], Words())
    batch = examples.load([2, 0])
    assert len(examples) == 3
    assert batch.ids == ("z", "x")
    assert batch.tokens.input_ids.tolist() == [2, 8, 9, 3, 2, 3]


def test_a_shuffle_depends_on_seed_epoch_and_document_alone() -> None:
    examples = Examples(Columns(), [2, 3, 4], Words(), shuffled=True, seed=1)

    def ids(examples: Examples, indices: list[int]) -> list[list[int]]:
        tokens = examples.load(indices).tokens
        return [tokens.input_ids[row].tolist() for row in tokens.rows]

    first = ids(examples, [0, 1, 2])
    assert ids(examples, [2]) == first[2:]
    assert first[0] != first[1]
    assert ids(examples.for_epoch(1), [0]) != first[:1]
    assert ids(examples.for_epoch(1).for_epoch(0), [0]) == first[:1]
