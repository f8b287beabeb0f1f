from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import inf, nan

import pytest
import torch
from torch import nn

from prefprop_cli.errors import (
    DataError,
    NonFiniteError,
    PrefpropError,
    ResourceError,
    UsageError,
)
from prefprop_cli.training.events import (
    DocumentsDone,
    Evaluated,
    Evaluation,
    EvaluationStarted,
    Saved,
    Started,
    Step,
    Stopped,
    Warned,
)
from prefprop_cli.training.schedule import effective_batches, learning_rate


def metrics_in_turn(values: list[float], *, name: str = "nll"):
    turns: Iterator[float] = iter(values)
    return lambda: Evaluation({name: next(turns)}, (5, 5), (5, 5))


def order(toy) -> list[str]:
    return [name for event in toy.seen(Step) for name in event.ids]


def test_learns(toys):
    toy = toys(dropout=0.0)
    result = toy.fit(epochs=40)
    first, last = toy.seen(Step)[0], toy.seen(Step)[-1]
    assert last.loss < first.loss / 4
    assert result.metrics == {"nll": result.best_metric}
    assert toy.evaluate().metrics == result.metrics


def test_tells_its_story_in_order(toys):
    toy = toys()
    toy.fit(epochs=1)
    kinds = [type(event) for event in toy.events if not isinstance(event, DocumentsDone)]
    assert kinds == [Started, Step, Step, Step, EvaluationStarted, Evaluated, Saved, Stopped]


def test_tells_what_it_does(toys):
    toy = toys()
    result = toy.fit(epochs=2, warmup=0.5)
    assert toy.events[0] == Started(
        n_examples=10, n_steps=6, n_trainable=8 + 8 * 3 + 3, step=0, precision="fp32"
    )
    steps = toy.seen(Step)
    assert [(e.step, e.n_steps, e.epoch) for e in steps] == [
        (1, 6, 1), (2, 6, 1), (3, 6, 1), (4, 6, 2), (5, 6, 2), (6, 6, 2)
    ]  # fmt: skip
    assert [e.lr for e in steps] == [
        learning_rate(step, n_steps=6, peak=0.1, warmup=0.5) for step in range(1, 7)
    ]
    assert all(e.loss > 0 and e.grad_norm > 0 and e.tokens_per_s > 0 for e in steps)
    assert [(e.epoch, e.step) for e in toy.seen(Evaluated)] == [(1, 3), (2, 6)]
    assert toy.events[-1] == Stopped("finished")
    assert (result.status, result.step, result.epoch) == ("finished", 6, 2)
    assert result.seconds > 0


def test_tells_of_each_micro_batch(toys):
    """Before its step, whose documents it counts among those of the epoch."""
    toy = toys()
    toy.fit(epochs=2)
    told = [event for event in toy.events if isinstance(event, DocumentsDone | Step)][:8]
    kinds = ["step" if isinstance(event, Step) else event.done for event in told]
    sizes = [len(event.ids) for event in toy.seen(Step)[:3]]
    expected, done = [], 0
    for size in sizes:
        expected += [done + n for n in range(2, size + 1, 2)] + ["step"]
        done += size
    assert kinds == expected
    first, *_, last = toy.seen(DocumentsDone)
    assert (first.step, first.n_steps, first.epoch, first.n_epochs) == (1, 6, 1, 2)
    assert (last.step, last.epoch, last.done, last.n_examples) == (6, 2, 10, 10)
    steps = toy.seen(Step)
    losses = [event.loss for event in toy.seen(DocumentsDone) if event.step == 1]
    assert sum(losses) / len(losses) == pytest.approx(steps[0].loss)
    assert first.eta_s > 0 == last.eta_s


def test_each_epoch_sees_each_document_once(toys):
    toy = toys()
    toy.fit(epochs=2)
    for epoch in (1, 2):
        ids = [name for event in toy.seen(Step) if event.epoch == epoch for name in event.ids]
        assert sorted(ids) == [f"doc{i}" for i in range(10)]
    assert order(toy)[:10] != order(toy)[10:]


def test_each_epoch_has_its_own_view_of_the_documents(toys):
    """Of their contents and of their lengths; a run that is resumed inside an epoch, too."""
    expected, toy, again = toys("whole"), toys(), toys()
    for process in (expected, toy, again):
        process.examples.for_epoch = partial(Epoch, process.examples)
    expected.fit(epochs=2)
    looks = iter(range(99))
    toy.fit(epochs=2, should_stop=lambda: next(looks) >= 9)
    again.fit(epochs=2, resume=True)
    for epoch in (0, 1):
        rows = [e for e in expected.seen(Step) if e.epoch == epoch + 1]
        lengths = Epoch(expected.examples, epoch).lengths
        batches = effective_batches(lengths, seed=0, epoch=epoch, batch_size=4)
        assert [row.ids for row in rows] == [
            tuple(f"doc{i}@{epoch}" for i in batch) for batch in batches
        ]
    assert 3 < len(toy.seen(Step)) < 6
    assert order(toy) + order(again) == order(expected)


class Epoch:
    """The documents of one epoch, under names of its own; their lengths change, too."""

    def __init__(self, examples, epoch: int) -> None:
        self.examples, self.epoch = examples, epoch
        self.lengths = [(length * (epoch + 3)) % 17 for length in examples.lengths]

    def load(self, indices):
        batch = self.examples.load(indices)
        return replace(batch, ids=tuple(f"{name}@{self.epoch}" for name in batch.ids))


def test_the_order_is_of_the_seed(toys):
    orders = []
    for run, seed in [("a", 0), ("b", 1)]:
        toy = toys(run)
        toy.fit(seed=seed)
        orders.append(order(toy))
    assert orders[0] != orders[1]


@pytest.mark.parametrize("micro_batch_size", [2, 3, 4, 8])
def test_the_micro_batch_does_not_change_the_result(toys, micro_batch_size):
    weights = {}
    for size in (1, micro_batch_size):
        toy = toys(f"micro{size}", dropout=0.0)
        toy.fit(micro_batch_size=size, batch_size=8, epochs=5)
        weights[size] = toy.weights()
    for name, tensor in weights[1].items():
        torch.testing.assert_close(weights[micro_batch_size][name], tensor, atol=1e-6, rtol=0)


def test_a_step_is_adamw_on_the_clipped_mean_gradient(toys):
    toy, plain = toys(dropout=0.0), toys("plain", dropout=0.0)
    toy.fit(epochs=3, batch_size=16, max_grad_norm=0.3, weight_decay=0.5, warmup=0.0)
    optimizer = torch.optim.AdamW(plain.trainable.values(), weight_decay=0.5)
    norms = []
    for lr in [0.1, 0.1 * 2 / 3, 0.1 / 3]:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        plain.losses(plain.examples.load(range(10))).mean().backward()
        norms.append(nn.utils.clip_grad_norm_(plain.trainable.values(), 0.3).item())
        optimizer.step()
    last = toy.checkpoints.newest().trained
    for name, tensor in plain.weights().items():
        torch.testing.assert_close(last[name], tensor, atol=1e-6, rtol=0)
    assert [e.grad_norm for e in toy.seen(Step)] == pytest.approx(norms, abs=1e-6)
    assert norms[0] > 0.3 > norms[2], "clipping must matter in one step and not in another"


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(toys):
    weights = []
    for run, seed in [("a", 0), ("b", 0), ("c", 1)]:
        toy = toys(run)
        torch.rand(len(weights))  # what was drawn before a fit does not matter
        toy.fit(seed=seed)
        weights.append(toy.weights())
    a, b, c = weights
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not any(torch.equal(a[name], c[name]) for name in a)


def test_the_frozen_part_stays(toys):
    toy = toys()
    before = toy.model.backbone.weight.clone()
    toy.fit()
    assert torch.equal(toy.model.backbone.weight, before)
    assert toy.model.backbone.weight.grad is None


def test_steps_are_in_training_mode_and_evaluations_not(toys):
    toy = toys()
    modes = []

    def loss(batch):
        modes.append(("step", toy.model.training))
        return toy.losses(batch)

    def evaluate():
        modes.append(("evaluation", toy.model.training))
        return toy.evaluate()

    toy.fit(losses=loss, evaluate=evaluate, epochs=2)
    assert set(modes) == {("step", True), ("evaluation", False)}
    assert not toy.model.training


def test_bf16_computes_in_it_and_trains_in_fp32(toys):
    toy = toys()
    seen = set()

    def loss(batch):
        seen.add(toy.model(batch.x).dtype)
        return toy.losses(batch)

    toy.fit(losses=loss, precision="bf16", epochs=1)
    assert seen == {torch.bfloat16}
    assert toy.seen(Started)[0].precision == "bf16"
    state = toy.checkpoints.newest()
    assert {tensor.dtype for tensor in state.trained.values()} == {torch.float32}


def test_losses_of_a_coarse_type_are_summed_in_fp32(toys):
    toy = toys()
    coarse = []

    def loss(batch):
        losses = toy.losses(batch).bfloat16()
        coarse.extend(losses.tolist())
        return losses

    toy.fit(losses=loss, epochs=1, batch_size=10)
    assert toy.seen(Step)[0].loss == pytest.approx(sum(coarse) / 10, rel=1e-6)


# The end of an epoch and of a run


def test_max_steps_ends_a_run_inside_an_epoch_with_an_evaluation(toys):
    toy = toys()
    result = toy.fit(max_steps=4)
    assert [e.step for e in toy.seen(Evaluated)] == [3, 4]
    assert [e.step for e in toy.seen(Saved)] == [3, 4]
    assert (result.status, result.step, result.epoch) == ("finished", 4, 2)


def test_the_best_epoch_is_kept(toys):
    toy = toys()
    at_evaluation = []

    def evaluate():
        at_evaluation.append(toy.weights())
        return Evaluation({"nll": [3.0, 1.0, 1.0, 2.0][len(at_evaluation) - 1]}, (5, 5), (5, 5))

    result = toy.fit(evaluate=evaluate, epochs=4)
    assert (result.best_metric, result.best_step, result.metrics) == (1.0, 6, {"nll": 1.0})
    assert [e.is_best for e in toy.seen(Evaluated)] == [True, True, False, False]
    assert all(torch.equal(toy.weights()[name], at_evaluation[1][name]) for name in toy.trainable)
    assert toy.checkpoints.best().step == 6


def test_other_metrics_are_better_when_higher(toys):
    toy = toys()
    result = toy.fit(evaluate=metrics_in_turn([0.3, 0.9, 0.5], name="accuracy"), metric="accuracy")
    assert (result.best_metric, result.best_step) == (0.9, 6)


@pytest.mark.parametrize(
    ("values", "n_epochs"), [([3, 4, 5, 6, 7], 3), ([3, 4, 2, 5, 6], 5), ([3, 4, 2, 5, 1], 5)]
)
def test_patience_counts_epochs_without_a_better_metric(toys, values, n_epochs):
    toy = toys()
    result = toy.fit(evaluate=metrics_in_turn(values), epochs=5, patience=2)
    assert len(toy.seen(Evaluated)) == result.epoch == n_epochs
    assert result.status == ("stopped early" if n_epochs < 5 else "finished")
    assert toy.events[-1] == Stopped(result.status)


def test_saves_every_few_steps_and_at_the_end_of_epochs(toys):
    toy = toys()
    toy.fit(epochs=2, save_every=2)
    assert [e.step for e in toy.seen(Saved)] == [2, 3, 4, 6]


def test_warns_of_a_collapse(toys):
    toy = toys()
    toy.fit(evaluate=lambda: Evaluation({"nll": 1.0}, (10, 0), (5, 5)), epochs=2)
    assert [("collapse" in e.message) for e in toy.seen(Warned)] == [True, True]


def test_a_metric_the_task_does_not_have(toys):
    toy = toys()
    with pytest.raises(UsageError, match=r"f1_binary.*Use one of nll"):
        toy.fit(metric="f1_binary")


def test_no_documents(toys):
    toy = toys()
    toy.examples.lengths = []
    with pytest.raises(DataError, match="no training documents"):
        toy.fit()


# Guards


def test_a_trained_tensor_the_loss_does_not_reach_stops_the_first_step(toys):
    toy = toys()

    def loss(batch):
        logits = toy.model.head(toy.model.backbone(batch.x))
        return nn.functional.cross_entropy(logits, batch.y, reduction="none")

    with pytest.raises(PrefpropError, match="prefix have no gradient"):
        toy.fit(losses=loss)
    assert toy.seen(Step) == []


def test_a_loss_that_reaches_nothing_stops_the_first_step(toys):
    toy = toys()
    with pytest.raises(PrefpropError, match="does not depend on anything that trains"):
        toy.fit(losses=lambda batch: toy.losses(batch).detach())


def test_a_tensor_may_get_its_gradient_from_any_micro_batch(toys):
    toy = toys()
    calls = []

    def loss(batch):
        calls.append(1)
        return toy.losses(batch) if len(calls) > 1 else 0 * toy.losses(batch)

    toy.fit(losses=loss, epochs=1, batch_size=10)
    assert len(toy.seen(Step)) == 1
    assert len(calls) == 5


@pytest.mark.parametrize("value", [nan, inf])
@pytest.mark.parametrize("step", [1, 5])
def test_a_loss_that_is_not_finite_is_caught_before_the_update(toys, step, value):
    toy = toys()
    steps_seen = []

    def loss(batch):
        losses = toy.losses(batch)
        if len(toy.seen(Step)) < step - 1:
            return losses
        steps_seen.append(toy.weights())
        return losses + torch.tensor([value if name == "doc3" else 0.0 for name in batch.ids])

    with pytest.raises(NonFiniteError, match=r"the loss of step \d+ is not finite, in doc3\."):
        toy.fit(losses=loss, save_every=1)
    assert len(toy.seen(Step)) >= step - 1
    assert all(torch.equal(toy.weights()[name], steps_seen[-1][name]) for name in toy.trainable)
    state = toy.checkpoints.newest()
    assert (state.step if state else 0) == len(toy.seen(Step))


def test_a_gradient_that_is_not_finite_is_caught_before_the_update(toys):
    toy = toys()
    before = toy.weights()
    toy.model.prefix.register_hook(lambda grad: grad * inf)
    with pytest.raises(
        NonFiniteError, match=r"the gradient of step 1 is not finite, in doc\d, doc"
    ):
        toy.fit()
    assert all(torch.equal(toy.weights()[name], before[name]) for name in before)


def test_a_state_that_is_not_finite_is_not_saved(toys):
    toy = toys()

    def poison(event):
        if isinstance(event, Step) and event.step == 2:
            with torch.no_grad():
                toy.model.prefix[0] = nan

    with pytest.raises(NonFiniteError, match="step 2 made prefix not finite"):
        toy.fit(on_event=poison, save_every=1)
    assert toy.checkpoints.newest().step == 1


def test_weights_that_are_not_finite_are_not_evaluated(toys):
    toy = toys()

    def poison(event):
        if isinstance(event, Step) and event.step == 3:
            with torch.no_grad():
                toy.model.prefix[0] = nan

    with pytest.raises(NonFiniteError, match="step 3 made prefix not finite"):
        toy.fit(on_event=poison, evaluate=lambda: pytest.fail("evaluated"))


# Memory


def small_memory(toy, *, fits: int, error: Exception, from_step: int = 1):
    def loss(batch):
        losses = toy.losses(batch)
        if len(batch.ids) > fits and len(toy.seen(Step)) >= from_step - 1:
            raise error
        return losses

    return loss


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory: 9 bytes")],
)
def test_out_of_memory_halves_the_micro_batch_and_keeps_the_loss_curve(toys, error):
    toy, roomy = toys(dropout=0.0), toys("roomy", dropout=0.0)
    toy.fit(losses=small_memory(toy, fits=1, error=error, from_step=2), micro_batch_size=4)
    roomy.fit(micro_batch_size=4)
    assert [e.ids for e in toy.seen(Step)] == [e.ids for e in roomy.seen(Step)]
    assert [e.loss for e in toy.seen(Step)] == pytest.approx(
        [e.loss for e in roomy.seen(Step)], abs=1e-6
    )
    warnings = [e.message for e in toy.seen(Warned)]
    assert len(warnings) == 2
    assert "micro_batch_size is now 2 instead of 4" in warnings[0]
    assert "micro_batch_size is now 1 instead of 2" in warnings[1]


def test_a_step_done_again_draws_the_same_numbers(toys):
    """A pass that fails after it drew leaves no trace: the rest is as if it had never been."""
    toy, small = toys(), toys("small")
    toy.fit(losses=small_memory(toy, fits=2, error=MemoryError()), micro_batch_size=4, epochs=1)
    small.fit(micro_batch_size=2, epochs=1)
    assert all(torch.equal(toy.weights()[name], small.weights()[name]) for name in toy.trainable)


def test_out_of_memory_with_one_document_is_an_error_that_helps(toys):
    toy = toys()
    with pytest.raises(ResourceError, match=r"micro_batch_size = 1 .*data\.max_length"):
        toy.fit(losses=small_memory(toy, fits=0, error=MemoryError()))


def test_another_error_is_not_tried_again(toys):
    toy = toys()
    with pytest.raises(RuntimeError, match="shapes differ"):
        toy.fit(losses=small_memory(toy, fits=1, error=RuntimeError("shapes differ")))
    assert toy.seen(Warned) == []


def test_out_of_memory_in_an_evaluation_is_a_resource_error(toys):
    def evaluate():
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(ResourceError, match="out of memory"):
        toys().fit(evaluate=evaluate)
