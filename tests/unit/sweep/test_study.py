import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.config.space import Range
from prefprop_cli.errors import DataError
from prefprop_cli.sweep.plan import Stage, make_stage
from prefprop_cli.sweep.storage import open_storage
from prefprop_cli.sweep.study import INPUTS, StageStudy

ROOT = Path(__file__).parents[3]

Opener = Callable[..., StageStudy]
Begin = Callable[..., optuna.Trial]
End = Callable[..., None]


def states(study: StageStudy) -> list[str]:
    return [trial.state for trial in study.standing().trials]


def test_each_point_waits_once_in_the_order_of_the_plan(stage: Stage, opened: Opener):
    for _ in range(2):
        study = opened(stage)
        trials = study.study.get_trials()
        assert [trial.params for trial in trials] == [{"train.lr": lr} for lr in (0.1, 0.2, 0.3)]
        assert {trial.state for trial in trials} == {TrialState.WAITING}
        assert study.trials() == trials


def test_a_trial_is_begun_once(stage: Stage, place: str, opened: Opener, begin: Begin, end: End):
    study, other = opened(stage), opened(stage, storage=open_storage(place))
    first, second, third = begin(study), begin(other), begin(study)
    assert [trial.params["train.lr"] for trial in (first, second, third)] == [0.1, 0.2, 0.3]
    end(study, first, 1.0)
    assert [trial.number for trial in other.unfinished()] == [second.number, third.number]
    assert not other.fill({})
    surplus = begin(other)
    assert other.place(surplus) is None
    assert len(study.trials()) == 3


def test_what_a_dead_creator_left_out_is_added(stage: Stage, opened: Opener):
    half = opened(replace(stage, points=()))
    half.study.add_trial(create_trial(state=TrialState.WAITING, user_attrs={"point": 1}))
    study = opened(stage)
    assert [trial.user_attrs["point"] for trial in study.study.get_trials()] == [1, 0, 2]
    assert [trial.user_attrs["point"] for trial in study.trials()] == [0, 1, 2]


def test_of_two_trials_of_a_point_the_first_counts(stage: Stage, opened: Opener):
    study = opened(stage)
    twin = create_trial(state=TrialState.WAITING, user_attrs={"point": 0})
    study.study.add_trial(twin)
    assert [trial.number for trial in study.trials()] == [0, 1, 2]


def test_a_lost_trial_is_tried_again_in_its_run_folder_and_after_what_waits(
    stage: Stage, opened: Opener, begin: Begin, end: End
):
    study = opened(stage)
    lost = begin(study)
    study.report(lost, 1, 0.5)
    study.lose(lost)
    for _ in range(2):
        study.fill({})
    again = study.trials()[0]
    assert (again.number, again.params, again.intermediate_values) == (3, lost.params, {1: 0.5})
    assert states(study) == ["waiting"] * 3
    end(study, begin(study, run="/runs/b"), 0.1)
    assert [begin(study).params["train.lr"] for _ in range(2)] == [0.3, 0.1]
    assert study.standing().trials[0].run == Path("/runs/a")


def test_the_result_of_who_was_thought_to_be_dead_does_not_count(
    stage: Stage, opened: Opener, begin: Begin
):
    study = opened(stage)
    asleep = begin(study)
    study.lose(asleep)
    study.fill({})
    assert study.report(asleep, 1, 0.5)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        asleep.set_user_attr("owner", {})
    assert states(study) == ["waiting"] * 3


def test_what_an_earlier_stage_ran_is_taken_over(
    config: Config, stage: Stage, opened: Opener, begin: Begin, end: End
):
    search = opened(stage)
    begin(search)
    end(search, begin(search), 0.5, metrics={"nll": 0.5})
    second = opened(make_stage(config, 2, fixed={"train.lr": 0.2}), finished=search.complete())
    reused, new = second.standing().trials
    assert (reused.state, reused.metric, reused.reused) == ("finished", 0.5, True)
    assert (reused.run, reused.metrics) == (Path("/runs/a"), {"nll": 0.5})
    assert (new.state, new.reused, new.run) == ("waiting", False, None)
    assert dict(new.values) == {"train.lr": 0.2, "method.alpha": 1.0}


def test_only_finished_trials_are_taken_over(stage: Stage, opened: Opener, begin: Begin):
    search = opened(stage)
    trial = begin(search)
    search.report(trial, 1, 0.5)
    search.study.tell(trial, state=TrialState.PRUNED)
    assert search.complete() == {}


def test_of_a_pruned_trial_the_best_epoch_is_told(stage: Stage, opened: Opener, begin: Begin):
    search = opened(stage)
    trial = begin(search)
    for epoch, metric in enumerate((0.5, 0.4, 0.6), start=1):
        search.report(trial, epoch, metric)
    search.study.tell(trial, state=TrialState.PRUNED)
    (record, *_) = search.standing().trials
    assert (record.state, record.metric) == ("pruned", 0.4)


def test_what_is_done_is_of_the_same_data(stage: Stage, opened: Opener, begin: Begin, end: End):
    first, second = ({"data_sha256": {"a.csv": digit * 64}} for digit in "01")
    for each in first, second:
        each["documents_sha256"] = each["data_sha256"]
    opened(stage, inputs=second)  # nothing is done yet
    study = opened(stage, inputs=first)
    trial = begin(study)
    trial.set_user_attr(INPUTS, study.inputs)
    end(study, trial, 0.25)
    opened(stage, inputs=first)
    with pytest.raises(DataError, match=r"a\.csv had sha256 0{12}…, has 1{12}…\. Put back"):
        opened(stage, inputs=second)


def test_a_record_says_how_a_trial_ended(stage: Stage, opened: Opener, begin: Begin, end: End):
    study = opened(stage)
    end(study, begin(study), 0.25)
    end(study, begin(study), reason="too large", exit_code=7)
    study.fill({})  # a failure with a reason stays
    record = study.standing().trials[1]
    assert (record.state, record.reason, record.exit_code) == ("failed", "too large", 7)
    assert (record.metric, record.host, record.seed, record.stage) == (None, "here", 0, 1)
    assert states(study) == ["finished", "failed", "waiting"]


@pytest.mark.parametrize(("metric", "worse"), [("nll", 9.0), ("accuracy", 0.1)])
def test_a_hopeless_trial_is_told_when_two_are_done(
    metric: str, worse: float, stage: Stage, opened: Opener, begin: Begin, end: End
):
    study = opened(replace(stage, prunes=True), metric=metric)
    for _ in range(2):
        trial = begin(study)
        for epoch in (1, 2, 3):
            assert not study.report(trial, epoch, 0.5)
        end(study, trial, 0.5)
    last = begin(study)
    # The first third of the three epochs is never judged.
    assert not study.report(last, 1, worse)
    assert study.report(last, 2, worse)
    assert not study.report(last, 3, 0.5)


def test_nothing_is_hopeless_unless_asked(stage: Stage, opened: Opener, begin: Begin, end: End):
    study = opened(stage)
    for _ in range(2):
        trial = begin(study)
        study.report(trial, 3, 0.5)
        end(study, trial, 0.5)
    assert not study.report(begin(study), 3, 9.0)


BOUNDS = {
    "train.lr": Range(low=1e-4, high=0.1, log=True),
    "train.epochs": Range(low=1, high=9, step=2),
    "method.alpha": Range(low=1, high=4),
    "method.kernel": ["none", "exp"],
}


JOURNAL = pytest.mark.parametrize("place", ["journal"], indirect=True)


def search_of(seed: int = 0, **table: object) -> Stage:
    config = Config(sweep=SweepTable(stages=[BOUNDS], **table))
    train = config.train.model_copy(update={"seed": seed})
    return make_stage(config.model_copy(update={"train": train}), 1, fixed={})


def proposals(study: StageStudy, begin: Begin, end: End) -> list[dict[str, object]]:
    """Run a search to its end; small rates are best."""
    while study.fill({}):
        trial = begin(study)
        end(study, trial, trial.params["train.lr"])
    return [trial.params for trial in study.trials()]


@JOURNAL
def test_a_search_keeps_to_its_bounds(opened: Opener, begin: Begin, end: End):
    tried = proposals(opened(search_of(trials=14)), begin, end)
    assert len(tried) == 14
    rates, epochs, alphas, kernels = (
        set(each) for each in zip(*(t.values() for t in tried), strict=True)
    )
    assert all(1e-4 <= rate <= 0.1 for rate in rates)
    assert sum(rate < 3e-3 for rate in rates) >= 5  # drawn by the logarithm
    assert epochs <= {1, 3, 5, 7, 9}
    assert all(isinstance(alpha, float) and 1 <= alpha <= 4 for alpha in alphas)
    assert len(alphas) == 14
    assert kernels == {"none", "exp"}


@JOURNAL
def test_a_search_learns_from_what_it_found(opened: Opener, begin: Begin, end: End):
    tried = proposals(opened(search_of(trials=30)), begin, end)
    first, last = ([each["train.lr"] for each in part] for part in (tried[:10], tried[-10:]))
    assert sorted(last)[5] < sorted(first)[5] / 2


@JOURNAL
def test_a_search_can_be_repeated_and_gone_on_with(
    tmp_path: Path, opened: Opener, begin: Begin, end: End
):
    stage = search_of(trials=13)
    whole = proposals(opened(stage), begin, end)
    other = str(tmp_path / "other.journal")
    study = opened(stage, storage=open_storage(other))
    for _ in range(11):
        trial = begin(study)
        end(study, trial, trial.params["train.lr"])
    study.lose(begin(study))  # killed
    again = proposals(
        opened(stage, storage=open_storage(str(tmp_path / "other.journal"))), begin, end
    )
    assert again == whole
    third = open_storage(str(tmp_path / "third.journal"))
    assert proposals(opened(search_of(seed=1, trials=13), storage=third), begin, end) != whole


@JOURNAL
def test_a_search_with_the_last_of_seeds(opened: Opener, begin: Begin, end: End):
    assert len(proposals(opened(search_of(seed=2**32 - 1, trials=3)), begin, end)) == 3


def test_a_search_has_no_more_trials_than_asked_and_may_be_given_more(
    place: str, opened: Opener, begin: Begin, end: End
):
    study, other = (
        opened(search_of(trials=2)),
        opened(search_of(trials=2), storage=open_storage(place)),
    )
    begun = [begin(study), begin(other), begin(study)]
    assert [other.place(trial) for trial in begun] == [1, 2, None]
    assert not study.fill({})
    more = opened(search_of(trials=4))
    assert more.fill({})
    assert len(more.unfinished()) == 3


BEGINS = """
import sys
from prefprop_cli.config.schema import Config, SweepTable
from prefprop_cli.sweep.plan import make_stage
from prefprop_cli.sweep.storage import open_storage
from prefprop_cli.sweep.study import open_study
config = Config(sweep=SweepTable(seeds=list(range(25))))
stage = make_stage(config, 1, fixed={})
print("ready", flush=True)
sys.stdin.readline()
study = open_study(open_storage(sys.argv[1]), stage, train=config.train, inputs={})
begun = []
def run(trial):
    if study.place(trial) is None:
        study.lose(trial)
        sys.exit()
    begun.append(trial.params["train.seed"])
    return 1.0
while study.fill({}):
    try:
        study.optimize(run, on_end=lambda record: None)
    except SystemExit:
        pass
print(*begun)
"""


def test_two_processes_run_each_trial_once(tmp_path: Path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BEGINS, str(tmp_path / "sweep.journal")],
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
    begun = [process.communicate(timeout=60)[0].split() for process in processes]
    assert sorted(map(int, begun[0] + begun[1])) == list(range(25))
