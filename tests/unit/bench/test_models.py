from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from prefprop_cli.bench.models import Ours, Twin, random_encoder
from prefprop_cli.bench.request import Request, Subject, ready
from prefprop_cli.config.schema import Config, MethodTable
from tests.helpers.shapes import LONGFORMER_BASE

NO_DROPOUT = MethodTable(prefix_length=3, dropout=0.0)
OURS = Subject("prefprop", NO_DROPOUT, "forward", ((5,), (30, 9, 41)), Ours)
THEIRS = replace(OURS, library="transformers", wrap=Twin)


def results(config: Config, *subjects: Subject) -> list[Tensor]:
    return [run() for run in ready(Request(config), subjects)]


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("forward", "prefix-propagation"),
        ("forward", "head-only"),
        ("prefix", "prefix-propagation"),
        ("full", "fine-tuning"),
    ],
)
def test_both_compute_the_same(tiny: Config, step: str, name: str) -> None:
    method = NO_DROPOUT.model_copy(update={"name": name})
    ours, theirs = (replace(each, step=step, method=method) for each in (OURS, THEIRS))
    mine, other = results(tiny, ours, theirs)
    assert mine.shape == (3, 32)
    assert torch.allclose(mine, other, atol=1e-5)


def test_the_prefix_is_seen_by_both(tiny: Config) -> None:
    plain = replace(OURS, method=MethodTable(name="head-only"))
    without, with_prefix = results(tiny, plain, OURS)
    assert not torch.allclose(without, with_prefix, atol=1e-3)


def test_subjects_at_other_lengths_share_a_model(tiny: Config) -> None:
    longer = replace(THEIRS, batches=((50,),))
    _, again, _ = results(tiny, longer, THEIRS, longer)
    assert torch.allclose(again, results(tiny, THEIRS)[0], atol=1e-6)


@pytest.mark.parametrize("wrap", [Ours, Twin])
def test_a_step_reaches_the_prefix_or_every_weight(
    tiny: Config, wrap: Callable[..., Ours | Twin]
) -> None:
    made: list[Ours | Twin] = []
    for step in ("prefix", "full"):
        results(
            tiny, replace(OURS, step=step, wrap=lambda each: made.append(wrap(each)) or made[-1])
        )
    frozen, trained = ([p.grad for p in model.encoder.parameters()] for model in made)
    assert not any(grad is not None for grad in frozen)
    assert sum(grad is not None for grad in trained) > 0.8 * len(trained)


def test_both_have_the_dropout_that_is_asked_for(tiny: Config) -> None:
    model = tiny.model.model_copy(update={"dropout": 0.25, "attention_dropout": 0.125})
    request = Request(tiny.model_copy(update={"model": model}))
    twin = request.load(replace(THEIRS, step="prefix")).encoder
    assert twin.training
    assert twin.config.hidden_dropout_prob == 0.25
    assert twin.config.attention_probs_dropout_prob == 0.125


def test_bf16_is_autocast(tiny: Config) -> None:
    (exact,) = results(tiny, OURS)
    rough, theirs = (run() for run in ready(Request(tiny, dtype="bfloat16"), [OURS, THEIRS]))
    assert torch.allclose(exact, theirs, atol=1e-5)  # only ours is
    assert not torch.allclose(exact, rough.float(), atol=1e-5)
    assert torch.allclose(exact, rough.float(), atol=0.3)


def test_a_shape_has_the_same_random_weights_each_time() -> None:
    config = replace(LONGFORMER_BASE, vocab_size=50, n_layers=1, windows=(512,), n_positions=70)
    first, second = (random_encoder(config).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["layers.0.up.weight"].std() == pytest.approx(0.02, rel=0.01)
    assert first["layers.0.output_norm.weight"].mean() == pytest.approx(1, abs=0.01)
