import json
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from prefprop_cli.errors import CorruptFileError, NonFiniteError, ResourceError
from prefprop_cli.runs.atomic import MANIFEST, save_folder
from prefprop_cli.training.checkpoint import CheckpointManager
from prefprop_cli.training.rng import rng_state, set_rng_state
from prefprop_cli.training.state import TrainingState, load_optimizer_state, optimizer_state
from tests.helpers.crash import disk_full_at, every_death

FILES = ("trained.safetensors", "optimizer.safetensors", "state.json", MANIFEST)


def state(step: int, **changes: object) -> TrainingState:
    generator = torch.Generator().manual_seed(step)
    plain = TrainingState(
        step=step,
        epoch=step // 10,
        position=step % 10,
        trained={
            "method.prefix": torch.randn(2, 3, generator=generator),
            "head.bias": torch.randn(2, generator=generator).to(torch.bfloat16),
        },
        optimizer={"head.bias.step": torch.tensor(float(step))},
        best_metric=0.1 + 0.2,
        best_step=None,
        epochs_without_improvement=1,
        rng={"torch": "00ff"},
        metrics={"accuracy": 1 / 3},
        other_rngs=[{"torch": "01"}, {"torch": "02"}],
    )
    return replace(plain, **changes)


def assert_same(actual: TrainingState | None, expected: TrainingState) -> None:
    assert actual is not None
    for name, value in vars(expected).items():
        if name in ("trained", "optimizer"):
            tensors = getattr(actual, name)
            assert tensors.keys() == value.keys()
            for key, tensor in value.items():
                assert tensors[key].dtype == tensor.dtype
                assert torch.equal(tensors[key], tensor)
        else:
            assert getattr(actual, name) == value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run" / "checkpoints"


@pytest.fixture
def checkpoints(folder: Path) -> CheckpointManager:
    return CheckpointManager(folder, keep=2)


def saved(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


class TestSaveAndLoad:
    def test_round_trip_is_bitwise(self, checkpoints, folder):
        path = checkpoints.save(state(123))
        assert path == folder / "step-000123"
        assert saved(path) == sorted(FILES)
        assert_same(CheckpointManager(folder, keep=2).newest(), state(123))

    def test_views_and_gradients_are_saved_as_plain_tensors(self, checkpoints):
        transposed = torch.arange(6.0).reshape(2, 3).T.requires_grad_()
        checkpoints.save(state(1, trained={"a": transposed}))
        assert torch.equal(checkpoints.newest().trained["a"], transposed)
        assert not checkpoints.newest().trained["a"].requires_grad

    def test_one_of_before_there_were_several_processes(self, checkpoints):
        path = checkpoints.save(state(1, other_rngs=[]))
        record = json.loads((path / "state.json").read_bytes())
        del record["other_rngs"]
        files = {name: (path / name).read_bytes() for name in FILES if name != MANIFEST}
        save_folder(path, files | {"state.json": json.dumps(record).encode()})
        assert_same(checkpoints.newest(), state(1, other_rngs=[]))

    def test_no_checkpoints(self, checkpoints):
        assert checkpoints.newest() is None
        assert checkpoints.best() is None

    def test_the_same_step_again_replaces_it(self, checkpoints, folder):
        checkpoints.save(state(5))
        checkpoints.save(state(5, epoch=7))
        assert checkpoints.newest().epoch == 7
        assert saved(folder) == ["step-000005"]

    @pytest.mark.parametrize("bad", [float("nan"), float("inf")])
    @pytest.mark.parametrize("kind", ["trained", "optimizer"])
    def test_nothing_that_is_not_finite_is_saved(self, checkpoints, folder, bad, kind):
        checkpoints.save(state(1))
        with pytest.raises(NonFiniteError, match=r"head\.bias"):
            checkpoints.save(state(2, **{kind: {"head.bias": torch.tensor([0.0, bad])}}))
        assert saved(folder) == ["step-000001"]

    def test_disk_full_keeps_the_old_ones(self, checkpoints, folder):
        checkpoints.save(state(1))
        for n in (1, 2, 3, 6, 9, 12):
            with disk_full_at(n), pytest.raises(ResourceError, match=r"step-000002 \([\d,]+ bytes"):
                checkpoints.save(state(2))
            assert saved(folder) == ["step-000001"]
        checkpoints.save(state(2))
        assert_same(checkpoints.newest(), state(2))


class TestPrune:
    def test_the_newest_and_the_best_stay(self, checkpoints, folder):
        for step in (1, 2, 3, 4, 5):
            checkpoints.save(state(step))
            if step == 2:
                checkpoints.mark_best(2)
        assert saved(folder) == ["best.json", "step-000002", "step-000004", "step-000005"]
        assert_same(checkpoints.best(), state(2))

    def test_a_new_best_frees_the_old_one(self, checkpoints, folder):
        for step in (1, 2, 3):
            checkpoints.save(state(step))
            if step == 1:
                checkpoints.mark_best(1)
        checkpoints.mark_best(3)
        assert saved(folder) == ["best.json", "step-000002", "step-000003"]

    def test_steps_are_numbers_and_not_text(self, folder):
        checkpoints = CheckpointManager(folder, keep=1)
        checkpoints.save(state(999_999))
        checkpoints.save(state(1_000_000))
        assert checkpoints.newest().step == 1_000_000
        assert saved(folder) == ["step-1000000"]

    def test_a_damaged_later_one_does_not_push_out_what_is_saved_next(self, folder):
        checkpoints = CheckpointManager(folder, keep=1)
        CheckpointManager(folder, keep=3).save(state(20))
        CheckpointManager(folder, keep=3).save(state(30))
        (folder / "step-000030" / "state.json").write_bytes(b"")
        assert checkpoints.newest().step == 20
        checkpoints.save(state(25))
        assert saved(folder) == ["step-000025"]
        assert_same(checkpoints.newest(), state(25))

    def test_nothing_is_removed_while_the_best_is_not_known(self, checkpoints, folder):
        for step in (1, 2, 3):
            checkpoints.save(state(step))
            if step == 1:
                checkpoints.mark_best(1)
        (folder / "best.json").write_text("{")
        checkpoints.save(state(4))
        assert "step-000001" in saved(folder)
        assert "best.json is damaged" in checkpoints.warnings[0]
        with pytest.raises(CorruptFileError, match=r"best\.json is damaged"):
            checkpoints.best()
        checkpoints.mark_best(4)
        assert saved(folder) == ["best.json", "step-000003", "step-000004"]

    def test_one_that_a_live_process_has_moved_aside_is_let_be(self, checkpoints, folder):
        for step in (1, 2, 3):
            CheckpointManager(folder, keep=3).save(state(step))
        aside = f".old-step-000001-{os.getppid()}"
        (folder / "step-000001").rename(folder / aside)
        checkpoints.mark_best(3)
        assert saved(folder) == [aside, "best.json", "step-000002", "step-000003"]

    def test_a_best_that_is_gone(self, checkpoints, folder):
        checkpoints.save(state(1))
        checkpoints.mark_best(7)
        assert checkpoints.best() is None


class TestDamage:
    @pytest.mark.parametrize("name", FILES)
    def test_a_flipped_bit_or_a_truncation_is_named_and_the_older_is_used(
        self, checkpoints, folder, name
    ):
        checkpoints.save(state(1))
        checkpoints.save(state(2, rng=rng_state()))
        file = folder / "step-000002" / name
        whole = file.read_bytes()
        for position in range(0, len(whole), max(1, len(whole) // 97)):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << position % 8
            for damaged in (flipped, whole[:position]):
                file.write_bytes(damaged)
                again = CheckpointManager(folder, keep=2)
                assert_same(again.newest(), state(1))
                assert len(again.warnings) == 1
                assert f"step-000002/{name}" in again.warnings[0]
        file.unlink()
        assert_same(CheckpointManager(folder, keep=2).newest(), state(1))
        file.write_bytes(whole)
        assert checkpoints.newest().step == 2

    def test_when_none_is_whole_training_does_not_start_over(self, checkpoints, folder):
        checkpoints.save(state(1))
        (folder / "step-000001" / MANIFEST).unlink()
        with pytest.raises(CorruptFileError, match=r"no checkpoint in .* is whole: .*MANIFEST"):
            checkpoints.newest()

    @pytest.mark.parametrize(
        "change",
        [
            lambda files: files.pop("trained.safetensors"),
            lambda files: files.update({"state.json": b"[]"}),
            lambda files: files.update({"state.json": b"{}"}),
            lambda files: files.update({"state.json": b'{"schema_version": 1, "step": 1}'}),
            lambda files: files.update(
                {"state.json": files["state.json"].replace(b'version": 1', b'version": 2')}
            ),
            lambda files: files.update({"trained.safetensors": b"\x80\x04K\x01."}),  # a pickle
        ],
    )
    def test_whole_files_that_are_no_checkpoint(
        self, checkpoints, folder, change: Callable[[dict[str, bytes]], object]
    ):
        path = checkpoints.save(state(1))
        files = {name: (path / name).read_bytes() for name in FILES if name != MANIFEST}
        change(files)
        save_folder(path, files)
        with pytest.raises(CorruptFileError, match="step-000001 is not a checkpoint"):
            checkpoints.newest()


class TestCrash:
    def test_at_every_moment_of_a_save_an_old_or_the_new_one_loads(self, checkpoints, folder):
        def prepare() -> None:
            for step in (1, 2):
                checkpoints.save(state(step))
            checkpoints.mark_best(1)

        steps = []
        for _ in every_death(prepare, lambda: checkpoints.save(state(3))):
            again = CheckpointManager(folder, keep=2)
            newest = again.newest()
            steps.append(newest.step)
            assert_same(newest, state(newest.step))
            assert_same(again.best(), state(1))
            assert again.warnings == []
        assert len(steps) > 15
        assert set(steps) == {2, 3}

    def test_at_every_moment_of_saving_a_step_again(self, checkpoints, folder):
        epochs = []
        for _ in every_death(
            lambda: checkpoints.save(state(3)), lambda: checkpoints.save(state(3, epoch=9))
        ):
            again = CheckpointManager(folder, keep=2)
            epochs.append(again.newest().epoch)
            again.mark_best(3)
            assert again.best().epoch == epochs[-1]
            assert again.warnings == []
        assert len(epochs) > 15
        assert set(epochs) == {0, 9}

    def test_at_every_moment_of_a_prune_no_torn_one_is_seen(self, folder):
        def prepare() -> None:
            for step in (1, 2, 3, 4):
                CheckpointManager(folder, keep=9).save(state(step))

        moments = 0
        for _ in every_death(prepare, lambda: CheckpointManager(folder, keep=1).mark_best(4)):
            again = CheckpointManager(folder, keep=1)
            assert again.newest().step == 4
            for step in again._steps():
                assert_same(again._load(step), state(step))
            moments += 1
        assert moments > 15


class TestGenerators:
    def draw(self) -> list[object]:
        return [
            random.random(),
            random.gauss(0, 1),
            np.random.random(),
            np.random.standard_normal(),
            torch.rand(3).tolist(),
        ]

    def test_all_go_on_where_they_were(self, checkpoints):
        random.gauss(0, 1)  # leaves one half of a pair behind, as NumPy does
        np.random.standard_normal()
        checkpoints.save(state(1, rng=rng_state()))
        expected = self.draw()
        assert self.draw() != expected
        set_rng_state(checkpoints.newest().rng)
        assert self.draw() == expected

    def test_a_device_that_is_gone_is_left_out(self):
        before = rng_state()
        set_rng_state({**before, "cuda:7": "00"})
        assert rng_state() == before


class TestOptimizer:
    @staticmethod
    def trained(n_steps: int) -> tuple[dict[str, nn.Parameter], torch.optim.Optimizer]:
        torch.manual_seed(0)
        names = {"b": nn.Parameter(torch.randn(3)), "a.x": nn.Parameter(torch.randn(2, 2))}
        names["unused"] = nn.Parameter(torch.zeros(1))
        groups = [{"params": [names["b"], names["unused"]]}, {"params": [names["a.x"]], "lr": 0.5}]
        optimizer = torch.optim.AdamW(groups, lr=0.1)
        for step in range(n_steps):
            TestOptimizer.step(names, optimizer, step)
        return names, optimizer

    @staticmethod
    def step(names, optimizer, number: int) -> None:
        torch.manual_seed(number)
        for name in ("b", "a.x"):
            names[name].grad = torch.randn_like(names[name])
        optimizer.step()

    def test_going_on_equals_never_having_stopped(self, checkpoints):
        names, optimizer = self.trained(3)
        tensors = {name: parameter.detach() for name, parameter in names.items()}
        moments = optimizer_state(optimizer, names)
        assert sorted(moments) == sorted(
            f"{name}.{key}" for name in ("a.x", "b") for key in ("exp_avg", "exp_avg_sq", "step")
        )
        checkpoints.save(state(3, trained=tensors, optimizer=moments))
        self.step(names, optimizer, 3)

        loaded = checkpoints.newest()
        fresh_names, fresh = self.trained(0)
        load_optimizer_state(fresh, fresh_names, loaded.optimizer)
        with torch.no_grad():
            for name, parameter in fresh_names.items():
                parameter.copy_(loaded.trained[name])
        self.step(fresh_names, fresh, 3)
        for name in names:
            assert torch.equal(names[name], fresh_names[name])
        assert [group["lr"] for group in fresh.param_groups] == [0.1, 0.5]
        assert loaded.optimizer["b.step"].item() == 3  # copied, not shared with the optimizer

    def test_before_the_first_step_there_is_nothing(self):
        names, optimizer = self.trained(0)
        assert optimizer_state(optimizer, names) == {}
        load_optimizer_state(optimizer, names, {})
        self.step(names, optimizer, 0)

    @pytest.mark.parametrize(
        ("key", "shape", "message"),
        [
            ("c.exp_avg", (3,), "holds c.exp_avg, and nothing of that name trains"),
            ("b.max_exp_avg_sq", (3,), "holds b.max_exp_avg_sq, and nothing"),
            ("b.exp_avg", (4,), r"of shape \(4,\), the run needs \(3,\)"),
            ("b.step", (1,), r"of shape \(1,\), the run needs \(\)"),
        ],
    )
    def test_tensors_of_another_run(self, key, shape, message):
        names, optimizer = self.trained(1)
        with pytest.raises(CorruptFileError, match=message):
            load_optimizer_state(optimizer, names, {key: torch.zeros(shape)})
