"""The order of the work and who does it; the training itself is stood in for."""

import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import optuna
import pytest

from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.space import Range
from prefprop_cli.errors import DataError, Interrupted, ResourceError, RunLockedError
from prefprop_cli.runs import RunFolder
from prefprop_cli.sweep import storage, worker
from prefprop_cli.sweep.leaderboard import Leaderboard, Standing, TrialRecord
from prefprop_cli.sweep.plan import Point, make_stage
from prefprop_cli.sweep.study import StageStudy
from prefprop_cli.sweep.worker import Work, _Worker, run_sweep

HERE = socket.gethostname()
TOO_LARGE = ResourceError("out of memory")
Opener = Callable[..., StageStudy]
Begin = Callable[..., optuna.Trial]
End = Callable[..., None]
Go = Callable[[], Leaderboard]


class Watch:
    """Watches a sweep, and may stop it; decides how its trials end."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.ended_here: list[TrialRecord] = []
        self.stages: list[int] = []
        self.n_waits = 0
        self.requested = False

    def outcome(self, config: Config) -> float:
        """Small rates are best, but for 0.1; alpha and seed add to the loss."""
        if config.train.lr == 0.1:
            raise TOO_LARGE from MemoryError()
        return config.train.lr + config.method.alpha + config.train.seed

    def at_wait(self) -> None:
        raise AssertionError("there is nothing to wait for")

    def stage(self, standing: Standing) -> None:
        self.stages.append(standing.stage.number)

    def trial(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    def ended(self, trial: TrialRecord) -> None:
        self.ended_here.append(trial)

    def waiting(self, n_trials: int) -> None:
        self.n_waits += 1
        assert self.n_waits < 500, f"waits in vain for {n_trials} trials"
        self.at_wait()

    def raise_if_requested(self, message: str = "") -> None:
        if self.requested:
            raise Interrupted(message, signal_number=15)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()

    def train(_: object, trial: optuna.Trial, point: Point, folder: RunFolder) -> float:
        with pytest.raises(RunLockedError), folder.lock():
            pass
        watch.ran.append(folder.path.name.rpartition("-")[0])
        return watch.outcome(point.config)

    monkeypatch.setattr(_Worker, "_train", train)
    monkeypatch.setattr(worker, "POLL_S", 0.01)
    return watch


@pytest.fixture
def config(config: Config) -> Config:
    """Compared by a loss."""
    return config.model_copy(update={"train": config.train.model_copy(update={"metric": "nll"})})


@pytest.fixture
def go_with(place: str, tmp_path: Path, watch: Watch) -> Callable[[Config], Leaderboard]:
    work = Work(tmp_path / "out", "cpu", (), ("prefprop",), {})
    return lambda config: run_sweep(config, work, storage=place, stop=watch, watcher=watch)


@pytest.fixture
def go(config: Config, go_with: Callable[[Config], Leaderboard]) -> Go:
    return lambda: go_with(config)


def test_the_best_of_a_stage_is_fixed_for_the_next(go: Go, watch: Watch, tmp_path: Path):
    board = go()
    assert watch.ran == [
        "lr=0.1",
        "lr=0.2",
        "lr=0.3",
        # alpha = 0.005 is the default, and ran with lr = 0.2; so did seed 0
        "lr=0.2_alpha=1.0",
        "lr=0.2_alpha=0.005_seed=4",
    ]
    assert watch.stages == [1, 2, 3]
    assert [trial.state for trial in watch.ended_here] == ["failed", *["finished"] * 4]
    assert board.best is not None
    assert (board.best.metric, board.best.seed, board.best.reused) == (
        pytest.approx(0.205),
        0,
        True,
    )
    assert board.seeds is not None
    assert (board.seeds.n, board.seeds.mean) == (2, pytest.approx(2.205))
    assert board.best.run == board.standings[0].trials[1].run
    assert board.best.run.parent == tmp_path / "out" / "runs"


def test_what_is_done_is_not_done_again(go: Go, watch: Watch):
    first = go()
    watch.ran.clear()
    assert go() == first
    assert watch.ran == []


def test_a_stage_of_failures_is_the_last(go: Go, watch: Watch):
    def fails(config: Config) -> float:
        raise TOO_LARGE from MemoryError()

    watch.outcome = fails
    board = go()
    assert board.best is None
    assert watch.stages == [1]
    assert {trial.exit_code for trial in board.standings[0].trials} == {7}


def test_an_error_that_is_not_the_settings_leaves_the_trial_to_the_next_start(go: Go, watch: Watch):
    outcome = watch.outcome

    def fails(config: Config) -> float:
        if len(watch.ran) == 2:
            raise DataError("no such file")
        return outcome(config)

    watch.outcome = fails
    with pytest.raises(DataError):
        go()
    watch.outcome = outcome
    watch.ran.clear()
    go()
    assert watch.ran[:2] == ["lr=0.3", "lr=0.2"]  # what waits comes first
    assert len(watch.ran) == 4


@pytest.fixture
def study(config: Config, opened: Opener) -> StageStudy:
    """The first stage, as another process has it."""
    return opened(make_stage(config, 1, fixed={}))


def test_the_trial_of_a_dead_process_here_is_gone_on_with_in_its_folder(
    go: Go, watch: Watch, study: StageStudy, begin: Begin, tmp_path: Path
):
    left = tmp_path / "elsewhere" / "lr=0.1-left"
    begin(study, host=HERE, run=left)
    board = go()
    assert watch.ran.count("lr=0.1") == 1
    assert board.standings[0].trials[0].run == left


JOURNAL = pytest.mark.parametrize("place", ["journal"], indirect=True)
DATABASE = pytest.mark.parametrize("place", ["sqlite"], indirect=True)


@JOURNAL
def test_a_trial_whose_process_died_before_it_said_so_is_tried_again(
    go: Go, watch: Watch, study: StageStudy
):
    study.study.ask()
    go()
    assert watch.ran[:3] == ["lr=0.2", "lr=0.3", "lr=0.1"]


def test_the_trial_of_a_living_process_is_waited_for(
    go: Go, watch: Watch, study: StageStudy, begin: Begin, end: End, tmp_path: Path
):
    folder = RunFolder(tmp_path / "busy")
    folder.path.mkdir()
    trial = begin(study, host=HERE, run=folder.path)

    def ends() -> None:
        assert watch.ran == ["lr=0.2", "lr=0.3"]
        end(study, trial, 0.01)

    watch.at_wait = ends
    with folder.lock():
        board = go()
    assert "lr=0.1" not in watch.ran
    assert watch.ran[-1] == "lr=0.1_alpha=0.005_seed=4"
    assert board.standings[0].trials[0].run == folder.path


@JOURNAL
def test_in_a_common_folder_the_lock_tells_of_other_machines_too(
    go: Go, watch: Watch, study: StageStudy, begin: Begin, tmp_path: Path
):
    folder = RunFolder(tmp_path / "common")
    folder.path.mkdir()
    begin(study, host="elsewhere", run=folder.path)
    held = ExitStack()
    held.enter_context(folder.lock())
    watch.at_wait = held.close  # its process dies
    board = go()
    assert watch.ran[:2] == ["lr=0.2", "lr=0.3"]
    assert watch.n_waits == 1
    assert board.standings[0].trials[0].run == folder.path
    assert board.standings[0].trials[0].host == HERE


@DATABASE
def test_a_trial_on_another_machine_is_taken_over_when_it_shows_no_life(
    go: Go,
    watch: Watch,
    study: StageStudy,
    begin: Begin,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    trial = begin(study, host="elsewhere", run="/there/runs/x")
    monkeypatch.setattr(storage, "STALE_S", 4)
    beats, outcome = 0, watch.outcome

    def beat() -> None:
        study.storage.record_heartbeat(trial._trial_id)

    def outcome_beside_it(config: Config) -> float:
        beat()
        return outcome(config)

    def lives_for_a_while() -> None:
        nonlocal beats
        assert "lr=0.1" not in watch.ran
        if beats < 3:
            beats += 1
            beat()
        time.sleep(0.1)

    watch.outcome, watch.at_wait = outcome_beside_it, lives_for_a_while
    board = go()
    assert beats == 3
    assert watch.ran[2] == "lr=0.1"
    assert board.standings[0].trials[0].host == HERE
    assert board.standings[0].trials[0].run.parent == tmp_path / "out" / "runs"


def test_a_trial_that_ended_before_its_lock_was_had_is_left(
    go: Go, watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    lock = _Worker._lock

    def is_overtaken(self: _Worker, folder: RunFolder, held: ExitStack) -> None:
        lock(self, folder, held)
        if folder.path.name.startswith("lr=0.3-"):
            (trial,) = self._study.unfinished()
            self._study.storage.set_trial_state_values(
                trial._trial_id, optuna.trial.TrialState.COMPLETE, [5.0]
            )

    monkeypatch.setattr(_Worker, "_lock", is_overtaken)
    board = go()
    assert "lr=0.3" not in watch.ran
    assert board.standings[0].trials[2].metric == 5.0


def test_a_request_to_stop_ends_the_waiting(go: Go, watch: Watch, study: StageStudy, begin: Begin):
    begin(study, host="elsewhere", run="/there/runs/x")
    watch.at_wait = lambda: setattr(watch, "requested", True)
    with pytest.raises(Interrupted):
        go()
    assert watch.ran == ["lr=0.2", "lr=0.3"]


def test_a_search_and_then_the_seeds(
    config: Config, go_with: Callable[..., Leaderboard], watch: Watch
):
    table = SweepTable(stages=[{"train.lr": Range(low=0.2, high=0.9)}], seeds=[0, 4], trials=5)
    board = go_with(config.model_copy(update={"sweep": table}))
    search, _ = board.standings
    assert len(search.trials) == 5
    best = min(trial.metric for trial in search.trials)
    assert board.best is not None
    assert (board.best.metric, board.best.reused) == (best, True)
    assert len(watch.ran) == 6


def test_a_proposal_that_is_no_configuration_fails_alone(
    config: Config, go_with: Callable[..., Leaderboard]
):
    table = SweepTable(stages=[{"model.window": Range(low=2, high=40)}], trials=8)
    (search,) = go_with(config.model_copy(update={"sweep": table})).standings
    failed = [trial for trial in search.trials if trial.state == "failed"]
    assert failed
    assert all(trial.values["model.window"] % 2 and "is odd" in trial.reason for trial in failed)
    assert all(trial.exit_code == 2 for trial in failed)
