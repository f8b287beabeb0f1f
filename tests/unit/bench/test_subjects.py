from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from prefprop_cli.bench import shapes
from prefprop_cli.bench.job import Job, Subject
from prefprop_cli.bench.subjects import (
    Ours,
    Twin,
    encoder_config,
    load,
    random_encoder,
    ready,
)
from prefprop_cli.config.schema import Config, MethodTable
from tests.helpers.shapes import LONGFORMER_BASE

NO_DROPOUT = MethodTable(prefix_length=3, dropout=0.0)
OURS = Subject(library="prefprop", method=NO_DROPOUT, step="forward", batches=((5,), (30, 9, 41)))


def job(config: Config, *subjects: Subject) -> Job:
    return Job(config=config, shape=None, subjects=subjects, device="cpu", measures="time")


def results(config: Config, *subjects: Subject) -> list[Tensor]:
    return [run() for run in ready(job(config, *subjects))]


@pytest.mark.parametrize("pad_to", [None, 50])
@pytest.mark.parametrize(
    ("step", "name"),
    [
        ("forward", "prefix-propagation"),
        ("forward", "head-only"),
        ("prefix", "prefix-propagation"),
        ("full", "fine-tuning"),
    ],
)
def test_both_compute_the_same(tiny: Config, step: str, name: str, pad_to: int | None) -> None:
    method = NO_DROPOUT.model_copy(update={"name": name})
    ours = OURS.model_copy(update={"step": step, "method": method})
    theirs = ours.model_copy(update={"library": "transformers", "pad_to": pad_to})
    mine, other = results(tiny, ours, theirs)
    assert mine.shape == (3, 32)
    assert torch.allclose(mine, other, atol=1e-5)


def test_the_prefix_is_seen_by_both(tiny: Config) -> None:
    plain = OURS.model_copy(update={"method": MethodTable(name="head-only")})
    without, with_prefix = results(tiny, plain, OURS)
    assert not torch.allclose(without, with_prefix, atol=1e-3)


def test_subjects_at_other_lengths_share_a_model(tiny: Config) -> None:
    theirs = OURS.model_copy(update={"library": "transformers"})
    longer = theirs.model_copy(update={"batches": ((50,),)})
    _, again, _ = results(tiny, longer, theirs, longer)
    assert torch.allclose(again, results(tiny, theirs)[0], atol=1e-6)


@pytest.mark.parametrize("wrap", [Ours, Twin])
def test_a_step_reaches_the_prefix_or_every_weight(
    tiny: Config, wrap: Callable[..., Ours | Twin], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Ours | Twin] = []
    monkeypatch.setattr(
        f"prefprop_cli.bench.subjects.{wrap.__name__}",
        lambda encoder: made.append(wrap(encoder)) or made[-1],
    )
    library = "prefprop" if wrap is Ours else "transformers"
    for step in ("prefix", "full"):
        subject = OURS.model_copy(update={"library": library, "step": step})
        results(tiny, subject)
    frozen, trained = ([p.grad for p in model.encoder.parameters()] for model in made)
    assert not any(grad is not None for grad in frozen)
    assert sum(grad is not None for grad in trained) > 0.8 * len(trained)


def test_both_have_the_dropout_that_is_asked_for(tiny: Config) -> None:
    model = tiny.model.model_copy(update={"dropout": 0.25, "attention_dropout": 0.125})
    encoder = load(job(tiny.model_copy(update={"model": model}))).train()
    twin = Twin(encoder).encoder
    assert twin.training
    assert twin.config.hidden_dropout_prob == 0.25
    assert twin.config.attention_probs_dropout_prob == 0.125


def test_bf16_is_autocast(tiny: Config) -> None:
    half = OURS.model_copy(update={"dtype": "bfloat16"})
    exact, rough = results(tiny, OURS, half)
    assert not torch.allclose(exact, rough.float(), atol=1e-5)
    assert torch.allclose(exact, rough.float(), atol=0.3)


def test_a_shape_has_the_same_random_weights_each_time() -> None:
    config = replace(LONGFORMER_BASE, vocab_size=50, n_layers=1, windows=(512,), n_positions=70)
    first, second = (random_encoder(config).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert first["layers.0.up.weight"].std() == pytest.approx(0.02, rel=0.01)
    assert first["layers.0.output_norm.weight"].mean() == pytest.approx(1, abs=0.01)


def test_a_shape_gets_the_positions_it_takes() -> None:
    asked = Job(
        config=Config(), shape="minilm", subjects=(), device="cpu", measures="time", n_positions=9
    )
    assert encoder_config(asked) == replace(shapes.MINILM, n_positions=9)
    own = asked.model_copy(update={"n_positions": None})
    assert encoder_config(own) == shapes.MINILM
