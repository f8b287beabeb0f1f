import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from prefprop_cli.config.schema import Config
from prefprop_cli.errors import DataError
from prefprop_cli.sweep import study as module
from prefprop_cli.sweep.plan import Stage, make_stage
from prefprop_cli.sweep.storage import open_storage
from prefprop_cli.sweep.study import Owner, StageStudy

ROOT = Path(__file__).parents[3]
OWNER = Owner(host="here", pid=7, run="/runs/a")

Opener = Callable[..., StageStudy]


def done(study: StageStudy, place: int, metric: float) -> FrozenTrial:
    """A trial that was run to its end."""
    trial = study.trials()[place]
    assert study.claim(trial)
    study.own(trial, OWNER)
    study.finish(trial, state="finished", metric=metric, result={"metrics": {"nll": metric}})
    return trial


def test_each_point_waits_once_in_the_order_of_the_plan(stage: Stage, opened: Opener):
    for _ in range(2):
        study = opened(stage)
        trials = study.study.get_trials()
        assert [trial.params for trial in trials] == [{"train.lr": lr} for lr in (0.1, 0.2, 0.3)]
        assert {trial.state for trial in trials} == {TrialState.WAITING}
        assert [study.point(trial) for trial in study.trials()] == list(stage.points)


def test_a_trial_is_claimed_once(stage: Stage, place: str, opened: Opener):
    study, other = opened(stage), opened(stage, storage=open_storage(place))
    first, second, third = study.trials()
    assert study.claim(first)
    assert not other.claim(first)
    assert not study.claim(first)
    assert other.claim(second)
    study.finish(first, state="finished", metric=1, result={})
    assert not other.claim(first)
    assert not other.own(first, OWNER)
    assert [trial.number for trial in other.unfinished()] == [second.number, third.number]


def test_what_a_dead_creator_left_out_is_added(
    stage: Stage, storage: BaseStorage, opened: Opener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "CREATOR_S", 0.05)
    half = optuna.create_study(storage=storage, study_name=stage.study)
    half.add_trial(create_trial(state=TrialState.WAITING, user_attrs={"point": 1}))
    study = opened(stage)
    assert [trial.user_attrs["point"] for trial in study.study.get_trials()] == [1, 0, 2]
    assert [study.point(trial) for trial in study.trials()] == list(stage.points)


def test_a_living_creator_is_waited_for(
    stage: Stage, storage: BaseStorage, monkeypatch: pytest.MonkeyPatch
):
    creator = optuna.create_study(storage=storage, study_name=stage.study)
    left = [0, 1, 2, None]

    def goes_on() -> None:
        place = left.pop(0)
        if place is None:
            creator.set_user_attr("planned", True)
        else:
            creator.add_trial(create_trial(state=TrialState.WAITING, user_attrs={"point": place}))

    study = module.open_study(
        storage, stage, metric="nll", epochs=1, finished={}, inputs={}, pause=goes_on
    )
    assert left == []
    assert len(study.study.get_trials()) == 3


def test_of_two_trials_of_a_point_the_first_counts(stage: Stage, opened: Opener):
    study = opened(stage)
    study.study.add_trial(create_trial(state=TrialState.WAITING, user_attrs={"point": 0}))
    assert [trial.number for trial in study.trials()] == [0, 1, 2]


def test_what_an_earlier_stage_ran_is_taken_over(config: Config, stage: Stage, opened: Opener):
    search = opened(stage)
    done(search, 1, 0.5)
    second = opened(make_stage(config, 2, fixed={"train.lr": 0.2}), finished=search.complete())
    reused, new = second.standing().trials
    assert (reused.state, reused.metric, reused.reused) == ("finished", 0.5, True)
    assert (reused.run, reused.metrics) == (Path("/runs/a"), {"nll": 0.5})
    assert (new.state, new.reused, new.run) == ("waiting", False, None)
    assert dict(new.values) == {"train.lr": 0.2, "method.alpha": 1.0}


def test_only_finished_trials_are_taken_over(config: Config, stage: Stage, opened: Opener):
    search = opened(stage)
    trial = search.trials()[1]
    search.claim(trial)
    search.finish(trial, state="pruned", metric=0.5, result={})
    assert search.complete() == {}


def test_what_is_done_is_of_the_same_data(stage: Stage, opened: Opener):
    first, second = ({"data_sha256": {"a.csv": digit * 64}} for digit in "01")
    for each in first, second:
        each["documents_sha256"] = each["data_sha256"]
    opened(stage, inputs=second)  # nothing is done yet
    done(opened(stage, inputs=first), 0, 0.25)
    opened(stage, inputs=first)
    with pytest.raises(DataError, match=r"a\.csv had sha256 0{12}…, has 1{12}…\. Put back"):
        opened(stage, inputs=second)


def test_a_record_says_how_a_trial_ended(stage: Stage, opened: Opener):
    study = opened(stage)
    done(study, 0, 0.25)
    failed = study.trials()[1]
    study.claim(failed)
    study.own(failed, OWNER)
    study.finish(failed, state="failed", result={"reason": "too large", "exit_code": 7})
    record = study.record(failed)
    assert study.standing().trials[1] == record
    assert (record.state, record.reason, record.exit_code) == ("failed", "too large", 7)
    assert (record.metric, record.host, record.seed, record.stage) == (None, "here", 0, 1)
    assert [trial.state for trial in study.standing().trials] == ["finished", "failed", "waiting"]


def test_the_first_end_of_a_trial_stays(stage: Stage, opened: Opener):
    study = opened(stage)
    trial = done(study, 0, 0.25)
    study.finish(trial, state="failed", result={"reason": "late"})
    assert (study.record(trial).state, study.record(trial).metric) == ("finished", 0.25)
    assert study.record(trial).reason is None


def test_the_owner_and_signs_of_life(stage: Stage, opened: Opener):
    study = opened(stage)
    assert study.owner(study.trials()[0]) is None
    study.claim(study.trials()[0])
    signs = [study.signs_of_life(study.trials()[0])]
    study.own(study.trials()[0], OWNER)
    signs.append(study.signs_of_life(study.trials()[0]))
    study.beat(study.trials()[0], 1)
    signs.append(study.signs_of_life(study.trials()[0]))
    assert study.owner(study.trials()[0]) == OWNER
    assert signs[0] != signs[1] != signs[2]


@pytest.mark.parametrize(("metric", "worse"), [("nll", 9.0), ("accuracy", 0.1)])
def test_a_hopeless_trial_is_told_when_two_are_done(
    metric: str, worse: float, stage: Stage, opened: Opener
):
    study = opened(replace(stage, prunes=True), metric=metric)
    for place in (0, 1):
        for epoch in (1, 2, 3):
            assert not study.report(study.trials()[place], epoch=epoch, metric=0.5)
        done(study, place, 0.5)
    last = study.trials()[2]
    assert study.claim(last)
    # The first third of the three epochs is never judged.
    assert not study.report(last, epoch=1, metric=worse)
    assert study.report(last, epoch=2, metric=worse)
    assert not study.report(last, epoch=3, metric=0.5)


def test_a_trial_that_another_process_finished_is_given_up(stage: Stage, opened: Opener):
    study = opened(stage)
    trial = done(study, 0, 0.5)
    assert study.report(trial, epoch=3, metric=0.5)


def test_nothing_is_hopeless_unless_asked(stage: Stage, opened: Opener):
    study = opened(stage)
    for place in (0, 1):
        study.report(study.trials()[place], epoch=3, metric=0.5)
        done(study, place, 0.5)
    assert not study.report(study.trials()[2], epoch=3, metric=9.0)


CLAIMS = """
import sys, time
from optuna.trial import TrialState
from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.sweep.plan import make_stage
from prefprop_cli.sweep.storage import open_storage
from prefprop_cli.sweep.study import open_study
stage = make_stage(Config(sweep=SweepTable(seeds=list(range(25)))), 1, fixed={})
print("ready", flush=True)
sys.stdin.readline()
study = open_study(
    open_storage(sys.argv[1]), stage, metric="nll", epochs=1, finished={}, inputs={},
    pause=lambda: time.sleep(0.01),
)
print(len(study.study.get_trials()), flush=True)
print(*(trial.number for trial in study.trials() if study.claim(trial)))
"""


def test_two_processes_plan_once_and_claim_each_trial_once(tmp_path: Path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMS, str(tmp_path / "sweep.journal")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0].splitlines() for process in processes]
    assert [output[0] for output in outputs] == ["25", "25"]
    claimed = [int(number) for output in outputs for number in output[1].split()]
    assert sorted(claimed) == list(range(25))
