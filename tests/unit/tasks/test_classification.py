import pytest
import torch

from prefprop_cli.tasks.classification import Examples, collate, losses
from prefprop_cli.tasks.head import ClassificationHead


def test_collate_packs_texts_and_makes_the_first_token_global() -> None:
    batch = collate(["a", "b"], [[2, 7, 3], [2, 3]], [1, 0])
    assert batch.ids == ("a", "b")
    assert batch.n_tokens == 5
    assert batch.tokens.input_ids.tolist() == [2, 7, 3, 2, 3]
    assert batch.tokens.rows.lengths == (3, 2)
    assert batch.tokens.is_global.tolist() == [True, False, False, True, False]
    assert batch.labels.tolist() == [1, 0]


class Table:
    """The part of a `datasets.Dataset` that is used."""

    rows = ([[2, 3], [2, 7, 3], [2, 8, 9, 3]], ["x", "y", "z"], [0, 1, 2])

    def __len__(self) -> int:
        return 3

    def __getitem__(self, indices: list[int]) -> dict[str, list[object]]:
        texts, ids, labels = ([column[i] for i in indices] for column in self.rows)
        return {"input_ids": texts, "id": ids, "label": labels}


def test_examples_load_what_is_asked_for_in_that_order() -> None:
    examples = Examples(Table(), lengths=[2, 3, 4])
    batch = examples.load([2, 0])
    assert len(examples) == 3
    assert batch.ids == ("z", "x")
    assert batch.tokens.input_ids.tolist() == [2, 8, 9, 3, 2, 3]
    assert batch.labels.tolist() == [2, 0]


def test_losses_are_the_cross_entropy_of_each_document() -> None:
    batch = collate(["a", "b"], [[2, 3], [2, 3]], [1, 0])
    logits = torch.tensor([[0.0, 1.0], [2.0, -1.0]], dtype=torch.bfloat16)
    expected = [
        -torch.log_softmax(row.float(), 0)[i].item() for row, i in zip(logits, (1, 0), strict=True)
    ]
    found = losses(logits, batch)
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx(expected)


def test_the_head_is_two_layers_with_dropout_before_each() -> None:
    head = ClassificationHead(8, 3, dropout=0.5)
    pooled = torch.randn(4, 8)
    plain = head.eval()(pooled)
    assert torch.equal(plain, head.out(head.dense(pooled).tanh()))
    assert not torch.equal(head.train()(pooled), plain)
    assert sum(p.numel() for p in head.parameters()) == 8 * 8 + 8 + 8 * 3 + 3
