"""The order of the work and who does it; the training itself is stood in for."""

import socket
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage
from prefprop_cli.sweep.trial import Attempt, Work

from prefprop_cli.config.schema import Config
from prefprop_cli.errors import DataError, Interrupted, RunLockedError
from prefprop_cli.runs import RunFolder
from prefprop_cli.sweep import heartbeat, worker
from prefprop_cli.sweep.leaderboard import Leaderboard, Standing, State, Trial
from prefprop_cli.sweep.plan import Stage
from prefprop_cli.sweep.study import Owner, StageStudy
from prefprop_cli.sweep.worker import run_sweep

HERE = socket.gethostname()
Opener = Callable[..., StageStudy]
Go = Callable[[], Leaderboard]


class Watch:
    """Watches a sweep, and may stop it; decides how its trials end."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.ended_here: list[Trial] = []
        self.stages: list[int] = []
        self.n_waits = 0
        self.requested = False

    def outcome(self, config: Config) -> tuple[State, float | None]:
        """Small rates are best, but for 0.1; alpha and seed add to the loss."""
        if config.train.lr == 0.1:
            return "failed", None
        return "finished", config.train.lr + config.method.alpha + config.train.seed

    def at_wait(self) -> None:
        raise AssertionError("there is nothing to wait for")

    def stage(self, standing: Standing) -> None:
        self.stages.append(standing.stage.number)

    def trial(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    def ended(self, trial: Trial) -> None:
        self.ended_here.append(trial)

    def waiting(self, n_trials: int) -> None:
        self.n_waits += 1
        assert self.n_waits < 500, f"waits in vain for {n_trials} trials"
        self.at_wait()

    def raise_if_requested(self, message: str = "") -> None:
        if self.requested:
            raise Interrupted(message, signal_number=15)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "sweep.journal")


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()

    def run(attempt: Attempt, _: object) -> None:
        with pytest.raises(RunLockedError), attempt.folder.lock():
            pass
        watch.ran.append(attempt.folder.path.name.rpartition("-")[0])
        state, metric = watch.outcome(attempt.study.point(attempt.trial).config)
        result = {"reason": "too large", "exit_code": 7} if state == "failed" else {}
        attempt.study.finish(attempt.trial, state=state, metric=metric, result=result)

    monkeypatch.setattr(Attempt, "run", run)
    monkeypatch.setattr(worker, "POLL_S", 0.01)
    return watch


@pytest.fixture
def config(config: Config) -> Config:
    """Compared by a loss."""
    return config.model_copy(update={"train": config.train.model_copy(update={"metric": "nll"})})


@pytest.fixture
def go(config: Config, place: str, tmp_path: Path, watch: Watch) -> Go:
    work = Work(tmp_path / "out", "cpu", (), ("prefprop",), {})
    return lambda: run_sweep(config, work, storage=place, stop=watch, watcher=watch)


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
    assert board.spread is not None
    assert (board.spread.n, board.spread.mean) == (2, pytest.approx(2.205))
    assert board.best.run == board.standings[0].trials[1].run
    assert board.best.run.parent == tmp_path / "out" / "runs"


def test_what_is_done_is_not_done_again(go: Go, watch: Watch):
    first = go()
    watch.ran.clear()
    assert go() == first
    assert watch.ran == []


def test_a_stage_of_failures_is_the_last(go: Go, watch: Watch):
    watch.outcome = lambda config: ("failed", None)
    board = go()
    assert board.best is None
    assert watch.stages == [1]
    assert {trial.exit_code for trial in board.standings[0].trials} == {7}


def test_an_error_that_is_not_the_settings_leaves_the_trial_to_the_next_start(go: Go, watch: Watch):
    outcome = watch.outcome

    def fails(config: Config) -> tuple[State, float | None]:
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


def test_the_trial_of_a_dead_process_here_is_gone_on_with_in_its_folder(
    go: Go, watch: Watch, stage: Stage, config: Config, opened: Opener, tmp_path: Path
):
    study = opened(worker.make_stage(config, 1, fixed={}))
    trial = study.trials()[1]
    assert study.claim(trial)
    left = tmp_path / "elsewhere" / "lr=0.2-left"
    study.own(trial, Owner(host=HERE, pid=1, run=str(left)))
    board = go()
    assert watch.ran.count("lr=0.2") == 1
    assert board.standings[0].trials[1].run == left


def test_the_trial_of_a_living_process_is_waited_for(
    go: Go, watch: Watch, config: Config, opened: Opener, tmp_path: Path
):
    study = opened(worker.make_stage(config, 1, fixed={}))
    trial = study.trials()[2]
    folder = RunFolder(tmp_path / "busy")
    folder.path.mkdir()
    assert study.claim(trial)
    study.own(trial, Owner(host=HERE, pid=1, run=str(folder.path)))

    def ends() -> None:
        assert watch.ran == ["lr=0.1", "lr=0.2"]
        study.finish(trial, state="finished", metric=0.01, result={})

    watch.at_wait = ends
    with folder.lock():
        board = go()
    assert "lr=0.3" not in watch.ran
    assert watch.ran[-1] == "lr=0.3_alpha=0.005_seed=4"
    assert board.standings[0].trials[2].run == folder.path


def test_a_trial_on_another_machine_is_taken_over_when_it_shows_no_life(
    go: Go,
    watch: Watch,
    config: Config,
    opened: Opener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    study = opened(worker.make_stage(config, 1, fixed={}))
    trial = study.trials()[2]
    assert study.claim(trial)
    study.own(trial, Owner(host="elsewhere", pid=1, run="/there/runs/x"))
    beats = 0

    def lives_for_a_while() -> None:
        nonlocal beats
        assert "lr=0.3" not in watch.ran
        if beats < 3:
            beats += 1
            study.beat(trial, beats)

    watch.at_wait = lives_for_a_while
    monkeypatch.setattr(heartbeat, "STALE_S", 0.2)
    board = go()
    assert beats == 3
    assert watch.ran[2] == "lr=0.3"
    assert board.standings[0].trials[2].host == HERE
    assert board.standings[0].trials[2].run.parent == tmp_path / "out" / "runs"


def test_a_trial_that_ended_before_its_lock_was_had_is_left(
    go: Go, watch: Watch, config: Config, monkeypatch: pytest.MonkeyPatch
):
    claim = StageStudy.claim

    def is_overtaken(study: StageStudy, trial: object) -> bool:
        won = claim(study, trial)
        if study.point(trial).config.train.lr == 0.3:
            study.finish(trial, state="finished", metric=5.0, result={})
        return won

    monkeypatch.setattr(StageStudy, "claim", is_overtaken)
    board = go()
    assert "lr=0.3" not in watch.ran
    assert board.standings[0].trials[2].metric == 5.0


def test_a_request_to_stop_ends_the_waiting(go: Go, watch: Watch, config: Config, opened: Opener):
    study = opened(worker.make_stage(config, 1, fixed={}))
    study.claim(study.trials()[0])
    watch.at_wait = lambda: setattr(watch, "requested", True)
    with pytest.raises(Interrupted):
        go()
    assert watch.ran == ["lr=0.2", "lr=0.3"]


def test_a_request_to_stop_ends_the_waiting_for_a_plan(
    go: Go, watch: Watch, config: Config, storage: BaseStorage
):
    stage = worker.make_stage(config, 1, fixed={})
    unplanned = optuna.create_study(storage=storage, study_name=stage.study)
    watch.requested = True
    with pytest.raises(Interrupted):
        go()
    assert unplanned.trials == []
