"""Two processes train what one trains; real processes, that talk by gloo."""

from pathlib import Path

import numpy as np
import pytest
import torch

from prefprop_cli.errors import DataError, NonFiniteError, ResourceError
from prefprop_cli.training.checkpoint import CheckpointManager
from tests.helpers import data_parallel
from tests.helpers import parallel_work as work
from tests.helpers.ranks import Died, Ranks

SETTINGS = {"epochs": 2, "save_every": 1}
DRAWS = SETTINGS | {"dropout": 0.5}


def fit(ranks: Ranks, folder: Path, **options: object) -> tuple[work.Fitted, work.Fitted]:
    main, other = ranks(work.run_fit, folder, options)
    return main, other


def assert_same_bits(fitted: work.Fitted, expected: work.Fitted) -> None:
    assert fitted.weights.keys() == expected.weights.keys()
    for name, tensor in expected.weights.items():
        np.testing.assert_array_equal(fitted.weights[name], tensor, err_msg=name)
    assert fitted.rng == expected.rng


def curve(*parts: work.Fitted) -> list[tuple[object, ...]]:
    """The rows of the log, those beyond a checkpoint dropped when the run goes on from it."""
    rows: list[tuple[object, ...]] = []
    for part in parts:
        assert part.first_step is not None
        rows = rows[: part.first_step]
        rows += [(e.step, e.epoch, e.ids, e.lr, e.loss, e.grad_norm) for e in part.steps]
    return rows


@pytest.fixture(scope="module")
def undisturbed(ranks, tmp_path_factory):
    return fit(ranks, tmp_path_factory.mktemp("undisturbed"), **DRAWS)


@pytest.mark.parametrize(
    ("batch_size", "micro_batch_size"), [(3, 1), (4, 2), (5, 2), (7, 3), (32, 4)]
)
def test_the_curve_and_the_weights_are_those_of_one_process(
    ranks, tmp_path, batch_size, micro_batch_size
):
    """Of ten documents: batches that do not divide evenly, and one document for two ranks."""
    options = {"epochs": 3, "batch_size": batch_size, "micro_batch_size": micro_batch_size}
    options |= {"weight_decay": 0.1, "max_grad_norm": 0.5}
    one, several = tmp_path / "one", tmp_path / "several"
    alone = work.fit(one, **options)
    main, other = fit(ranks, several, **options)
    assert [step.ids for step in main.steps] == [step.ids for step in alone.steps]
    for name in ("loss", "grad_norm", "lr"):
        assert [getattr(step, name) for step in main.steps] == pytest.approx(
            [getattr(step, name) for step in alone.steps], abs=1e-6, rel=0
        )
    for name, tensor in alone.weights.items():
        np.testing.assert_allclose(main.weights[name], tensor, atol=1e-6, rtol=0, err_msg=name)
        np.testing.assert_array_equal(main.weights[name], other.weights[name], err_msg=name)
    assert main.result.best_metric == pytest.approx(alone.result.best_metric, abs=1e-6)
    saved = [CheckpointManager(folder, 2).newest() for folder in (one, several)]
    for name, tensor in saved[0].optimizer.items():
        torch.testing.assert_close(saved[1].optimizer[name], tensor, atol=1e-6, rtol=0)


@pytest.mark.parametrize("method", ["prefix-propagation", "fine-tuning"])
def test_an_encoder_is_trained_as_in_one_process(ranks, tmp_path, method):
    """With documents of several rows, and evaluations that are shared out."""
    folders = tmp_path / "one", tmp_path / "several"
    for folder in folders:
        folder.mkdir()
    data_parallel.train(folders[0], method)
    assert ranks(data_parallel.train, folders[1], method) == [None, None]
    one, several = map(data_parallel.Trained.read, folders)
    assert min(one.grad_norms) > 0.01
    # A bias that all keys of a softmax share cancels out: AdamW follows the noise it has for a
    # gradient.
    noise = [name for name in one.weights if name.endswith(("qkv.bias", "key_global.bias"))]
    assert bool(noise) == (method == "fine-tuning")
    several.assert_close(one, noise=noise)
    np.testing.assert_array_equal(*several.logits)


def test_rank_0_tells_and_all_know_the_result(undisturbed):
    main, other = undisturbed
    assert main.n_events > 0 == other.n_events
    assert main.result.metrics == other.result.metrics
    assert (main.result.status, main.result.step) == ("finished", 6)
    assert (other.result.status, other.result.step) == ("finished", 6)


def test_rank_0_alone_writes(ranks, tmp_path):
    fit(ranks, tmp_path, **SETTINGS)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["best.json", "step-000005", "step-000006"]


def test_each_rank_draws_its_own_masks(undisturbed):
    main, other = undisturbed
    assert main.rng != other.rng


def test_a_tensor_that_no_rank_reaches_has_no_gradient(ranks, tmp_path):
    """A zero in its place would let AdamW move it, by its momentum or by weight decay."""
    fit(ranks, tmp_path, reads_prefix=False)
    names = {name.split(".")[0] for name in CheckpointManager(tmp_path, 2).newest().optimizer}
    assert names == {"head"}


# Errors and memory


def test_a_loss_that_is_not_finite_on_one_rank_ends_all_with_the_same_error(ranks, tmp_path):
    fitted = fit(ranks, tmp_path, nan_of="doc3")
    for part in fitted:
        error, _ = part.error
        assert type(error) is NonFiniteError
        assert "is not finite, in doc3." in str(error)
    assert str(fitted[0].error[0]) == str(fitted[1].error[0])
    assert_same_weights(*fitted)


def test_a_gradient_that_is_not_finite_ends_all_with_the_same_error(ranks, tmp_path):
    errors = [part.error[0] for part in fit(ranks, tmp_path, inf_gradient_on=1)]
    assert {type(error) for error in errors} == {NonFiniteError}
    assert "the gradient of step 1 is not finite" in str(errors[0])
    assert str(errors[0]) == str(errors[1])


def assert_same_weights(first: work.Fitted, second: work.Fitted) -> None:
    for name, tensor in first.weights.items():
        np.testing.assert_array_equal(second.weights[name], tensor, err_msg=name)


def test_out_of_memory_on_one_rank_halves_its_micro_batch_and_keeps_the_curve(ranks, tmp_path):
    options = {"epochs": 2, "batch_size": 8, "micro_batch_size": 4}
    roomy, _ = fit(ranks, tmp_path / "roomy", **options)
    main, other = fit(ranks, tmp_path / "small", fits=1, **options)
    assert [step.ids for step in main.steps] == [step.ids for step in roomy.steps]
    assert [step.loss for step in main.steps] == pytest.approx(
        [step.loss for step in roomy.steps], abs=1e-6
    )
    assert_same_weights(main, other)
    assert len(main.warnings) == 2
    assert "in process 1: train.micro_batch_size is now 2 instead of 4" in main.warnings[0]
    assert "in process 1: train.micro_batch_size is now 1 instead of 2" in main.warnings[1]


def test_a_document_that_does_not_fit_on_one_rank_ends_all(ranks, tmp_path):
    for part in fit(ranks, tmp_path, fits=0):
        error, _ = part.error
        assert type(error) is ResourceError
        assert "train.micro_batch_size = 1" in str(error)


def test_an_evaluation_that_fails_on_rank_0_ends_all(ranks, tmp_path):
    for part in fit(ranks, tmp_path, evaluation_fails=True):
        error, _ = part.error
        assert (type(error), str(error)) == (DataError, "the evaluation cannot be written")


def test_rank_0_tells_of_the_error_of_all(ranks, tmp_path):
    fitted = fit(ranks, tmp_path, fits=0)
    assert [part.error[1] for part in fitted] == [True, False]


# Stopped, killed, resumed


@pytest.mark.parametrize("stop_rank", [0, 1])
@pytest.mark.parametrize("stop_at", [0, 1, 3, 5, 7])
def test_a_stop_of_one_rank_stops_all_and_they_go_on_to_the_same_bits(
    ranks, undisturbed, tmp_path, stop_at, stop_rank
):
    stopped = fit(ranks, tmp_path, stop_rank=stop_rank, stop_at=stop_at, **DRAWS)
    assert [part.result.status for part in stopped] == ["interrupted"] * 2
    assert stopped[0].result.step == stopped[1].result.step == len(stopped[0].steps)
    resumed = fit(ranks, tmp_path, resume=True, **DRAWS)
    for part, expected in zip(resumed, undisturbed, strict=True):
        assert part.result.status == "finished"
        assert_same_bits(part, expected)
    assert curve(stopped[0], resumed[0]) == curve(undisturbed[0])


def test_killed_they_go_on_to_the_same_bits(ranks, undisturbed, tmp_path):
    with Ranks.start(2) as doomed:
        dead, survivor = fit(doomed, tmp_path, exit_at_save=4, **DRAWS)
    assert isinstance(dead, Died)
    assert isinstance(survivor.error[0], RuntimeError), "it waits for nobody"
    resumed = fit(ranks, tmp_path, resume=True, **DRAWS)
    assert resumed[0].first_step == 4
    for part, expected in zip(resumed, undisturbed, strict=True):
        assert_same_bits(part, expected)


@pytest.mark.parametrize("n_before", [1, 2])
def test_another_number_of_processes_can_go_on(ranks, tmp_path, n_before):
    """Not to the same bits, but to the same curve where nothing is drawn."""
    options = {**SETTINGS, "batch_size": 5}
    alone = work.fit(tmp_path / "alone", **options)
    folder, stop = tmp_path / "run", {"stop_at": 4, "stop_rank": 0}
    if n_before == 1:
        first = work.fit(folder, **options, **stop)
        second, other = fit(ranks, folder, resume=True, **options)
        assert second.rng != other.rng
    else:
        first, _ = fit(ranks, folder, **options, **stop)
        second = work.fit(folder, resume=True, **options)
    assert first.result.status == "interrupted"
    assert 0 < second.first_step < 4
    for found, expected in zip(curve(first, second), curve(alone), strict=True):
        assert found[:3] == expected[:3]
        assert found[3:] == pytest.approx(expected[3:], abs=1e-6)
    for name, tensor in alone.weights.items():
        np.testing.assert_allclose(second.weights[name], tensor, atol=1e-6, rtol=0)
