from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from prefprop_cli.core.attention import Rows
from prefprop_cli.tasks.batch import Batch, collate, losses
from prefprop_cli.tasks.wikihop.form import QuestionForm
from prefprop_cli.tasks.wikihop.head import CandidateHead
from prefprop_cli.tasks.wikihop.rows import ENT
from prefprop_cli.training.guards import check_gradients
from tests.helpers.classifier import TINY, classifier

FRAME = SimpleNamespace(cls_id=2, sep_id=3)
"""All of a tokenizer that rows of prepared questions need."""
TWO = {
    "id": "two",
    "query": [10, 11],
    "candidates": [[12], [13, 14]],
    "supports": [[20, 21, 22, 23, 24], [25, 26, 27]],
    "label": 1,
}
THREE = {
    "id": "three",
    "query": [9],
    "candidates": [[12], [15], [16]],
    "supports": [[20]],
    "label": 0,
}


def batch(*records: dict[str, object], max_tokens: int = 40) -> Batch:
    return collate(QuestionForm(FRAME, max_tokens), records)


def model(**method: object):
    torch.manual_seed(0)
    tables = {"data": {"set": "wikihop"}, "train": {"metric": "accuracy"}}
    return classifier(TINY, n_labels=0, tables=tables, **method)


def test_every_row_has_the_question_global_and_reads_each_candidate() -> None:
    found = batch(TWO, THREE, max_tokens=18)
    assert found.n_rows[0] > 1
    assert found.n_rows[1] == 1
    assert found.labels.tolist() == [1, 0]
    for row, positions in zip(found.tokens.rows, found.positions, strict=True):
        ids, is_global = found.tokens.input_ids[row], found.tokens.is_global[row]
        assert (ids == ENT).nonzero().flatten().tolist() == list(positions)
        assert is_global[: positions[-1] + 1].all()
        assert not is_global[-1]


def test_a_missing_candidate_has_no_chance() -> None:
    head = CandidateHead(4)
    hidden = torch.randn(5, 4)
    found = head(hidden, Rows.of_lengths([2, 3]))
    scores = head.score(hidden).squeeze(1)
    assert torch.equal(found[0, :2], scores[:2])
    assert found[0, 2] == -inf
    assert torch.equal(found[1], scores[2:])
    assert sum(p.numel() for p in head.parameters()) == 4 + 4 * 4


def test_a_question_is_answered_alike_beside_another() -> None:
    net = model(name="prefix-propagation", prefix_length=2).eval()
    together = net(batch(TWO, THREE, max_tokens=18))
    assert together.shape == (2, 3)
    assert together[0, 2] == -inf
    assert torch.allclose(together[:1, :2], net(batch(TWO, max_tokens=18)), atol=1e-6)
    assert torch.allclose(together[1:], net(batch(THREE, max_tokens=18)), atol=1e-6)


def test_the_scores_of_a_candidate_are_averaged_over_the_chunks() -> None:
    net = model(name="prefix-propagation", prefix_length=2).eval()
    whole = batch(TWO, max_tokens=18)
    rows = [net._of_rows(*part) for part in whole.parts(1)]
    assert len(rows) == whole.n_rows[0] > 1
    assert torch.allclose(net(whole), torch.cat(rows).mean(dim=0, keepdim=True), atol=1e-6)


@pytest.mark.parametrize(
    "method", ["prefix-propagation", "prefix-tuning", "head-only", "fine-tuning"]
)
def test_markers_and_score_train_with_every_method(method: str) -> None:
    net = model(name=method, prefix_length=2)
    questions = batch(TWO, THREE, max_tokens=18)
    losses(net(questions), questions).sum().backward()
    check_gradients(net, net.trainable, unreached=net.unreached)
    assert {"head.marker_weights", "head.score.weight"} <= net.trainable.keys()
    assert net.trainable["head.marker_weights"].grad.abs().sum(dim=1).all()


def test_a_prefix_learning_rate_does_not_drown_a_marker_s_position() -> None:
    """Positions are about 0.02 in size; a step of Adam moves a number by the learning rate."""
    head = CandidateHead(64)
    before = head.markers.detach().clone()
    assert before.std() == pytest.approx(0.02, rel=0.2)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    head.markers.square().sum().backward()
    optimizer.step()
    assert (head.markers - before).abs().max().item() == pytest.approx(2e-4, rel=1e-3)


def test_questions_can_be_learnt() -> None:
    net = model(name="prefix-propagation", prefix_length=2, dropout=0.0)
    net.backbone.eval()
    questions = batch(TWO, THREE, max_tokens=18)
    optimizer = torch.optim.AdamW(net.trainable.values(), lr=1e-2)
    first = losses(net(questions), questions).mean().item()
    for _ in range(30):
        loss = losses(net(questions), questions).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 * first


def test_a_shuffle_moves_candidates_and_supports_and_keeps_the_answer() -> None:
    many = {
        **TWO,
        "candidates": [[n] for n in range(30, 40)],
        "supports": [[n] for n in range(50, 60)],
    }
    found = QuestionForm(FRAME, 40).shuffled(many, np.random.RandomState(0))
    assert found["candidates"] != many["candidates"]
    assert sorted(found["candidates"]) == many["candidates"]
    assert sorted(found["supports"]) == many["supports"] != found["supports"]
    assert found["candidates"][found["label"]] == many["candidates"][many["label"]]
    assert many["label"] == TWO["label"]
