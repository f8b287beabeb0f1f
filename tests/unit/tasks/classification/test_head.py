import torch

from prefprop_cli.core.attention import Rows
from prefprop_cli.tasks.batch import collate
from prefprop_cli.tasks.classification.head import ClassificationHead
from tests.helpers.classifier import FORM


def test_collate_makes_the_first_token_of_each_row_global_and_reads_it() -> None:
    batch = collate(
        FORM,
        [
            {"id": "a", "rows": [[2, 7, 3], [2, 8, 3]], "label": 1},
            {"id": "b", "rows": [[2, 3]], "label": 0},
        ],
    )
    assert batch.ids == ("a", "b")
    assert batch.n_rows == (2, 1)
    assert batch.tokens.input_ids.tolist() == [2, 7, 3, 2, 8, 3, 2, 3]
    assert batch.tokens.is_global.tolist() == [True, False, False] * 2 + [True, False]
    assert batch.positions == ((0,), (0,), (0,))
    assert batch.labels.tolist() == [1, 0]


def test_the_head_is_two_layers_with_dropout_before_each() -> None:
    head = ClassificationHead(8, 3, dropout=0.5)
    pooled, rows = torch.randn(4, 8), Rows.of_lengths([1] * 4)
    plain = head.eval()(pooled, rows)
    assert torch.equal(plain, head.out(head.dense(pooled).tanh()))
    assert not torch.equal(head.train()(pooled, rows), plain)
    assert sum(p.numel() for p in head.parameters()) == 8 * 8 + 8 + 8 * 3 + 3
